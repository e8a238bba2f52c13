//! Published messages on their way to the members of a room.
//!
//! JavaScript hands over a message together with the members of that moment, and an I/O thread delivers it to them.
//! Whatever JavaScript does next with one of them, [`FanOut::catch_up`] first delivers to it what was published before:
//! so a publish is, for each member, like a write at its place in the program.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::publication::Publication;
use crate::{catch_panic, lock};

/// A connection, as far as publishing to it goes.
pub trait Member: fmt::Debug + Send + Sync {
    /// Its key.
    fn key(&self) -> u32;

    /// Sends those of these messages that it has not got yet. They are in the order in which they were published, and
    /// some may be for others only.
    fn deliver(self: Arc<Self>, deliveries: &[Arc<Delivery>]);

    /// Sends a message, unless too much waits already. Returns whether it was sent.
    fn offer(self: Arc<Self>, publication: &Publication) -> bool;

    /// It has panicked.
    fn fail(self: Arc<Self>);
}

/// The members of a room at one moment, by the key of their connection.
pub type Members<M> = Arc<BTreeMap<u32, M>>;

/// The members of a room.
pub type Audience = Members<Arc<dyn Member>>;

/// A message, and whom it is for.
#[derive(Debug)]
pub struct Delivery {
    /// Deliveries are numbered in the order in which they were published.
    pub sequence: u64,
    members: Audience,
    except: Box<[u32]>,
    /// The message.
    pub publication: Publication,
    weight: usize,
}

impl Delivery {
    /// Whether the message is for this member.
    pub fn is_for(&self, key: u32) -> bool {
        !self.except.contains(&key)
    }
}

/// The messages of one runtime that have been published and not delivered to all their members.
#[derive(Debug, Default)]
pub struct FanOut {
    // A std Mutex: not held while a message is delivered.
    queue: Mutex<Queue>,
    /// The length of the queue: whoever finds 0 takes no lock.
    len: AtomicUsize,
}

#[derive(Debug, Default)]
struct Queue {
    deliveries: VecDeque<Arc<Delivery>>,
    last_sequence: u64,
    /// Bytes that the messages and their lists of members take, about.
    weight: usize,
}

/// More than this does not wait: whoever publishes delivers everything itself.
const MAX_WEIGHT: usize = 8 << 20;
/// Bytes of a list of members, for each of them. A list is shared by consecutive messages to the same room.
const MEMBER_WEIGHT: usize = 32;
/// Messages that are delivered one by one before other tasks of the I/O thread run, about.
const STRIDE: usize = 16 << 10;
/// The thread that has published delivers so many messages itself: to wake the I/O thread would cost more.
const DIRECT: usize = 8;

impl FanOut {
    /// Whether everything has been delivered.
    pub fn is_empty(&self) -> bool {
        self.len.load(Ordering::Acquire) == 0
    }

    /// Adds a message for members. Returns false if so much waits that the caller has to call
    /// [`FanOut::deliver_all`].
    pub fn push(&self, members: Audience, except: Box<[u32]>, publication: Publication) -> bool {
        let mut queue = lock(&self.queue);
        let is_shared = queue
            .deliveries
            .back()
            .is_some_and(|last| Arc::ptr_eq(&last.members, &members));
        let mut weight = publication.weight() + size_of::<Delivery>();
        if !is_shared {
            weight += members.len() * MEMBER_WEIGHT;
        }
        queue.weight += weight;
        queue.last_sequence += 1;
        let sequence = queue.last_sequence;
        queue.deliveries.push_back(Arc::new(Delivery {
            sequence,
            members,
            except,
            publication,
            weight,
        }));
        self.len.store(queue.deliveries.len(), Ordering::Release);
        queue.weight <= MAX_WEIGHT
    }

    /// Delivers to one member what waits for it.
    pub fn catch_up<M: Member + 'static>(&self, member: &Arc<M>) {
        if self.is_empty() {
            return;
        }
        let key = member.key();
        let is_due = |delivery: &&Arc<Delivery>| {
            let found = delivery.members.get(&key);
            // The key may have been that of another connection before.
            found.is_some_and(|found| std::ptr::addr_eq(Arc::as_ptr(found), Arc::as_ptr(member)))
        };
        let due: Vec<_> = lock(&self.queue)
            .deliveries
            .iter()
            .filter(is_due)
            .cloned()
            .collect();
        if !due.is_empty() {
            member.clone().deliver(&due);
        }
    }

    /// Delivers everything that waits, on the calling thread.
    pub fn deliver_all(&self) {
        while self.deliver_some() {}
    }

    /// Delivers some of what waits, if anything does. Returns whether more waits.
    pub fn deliver_some(&self) -> bool {
        let mut delivered = 0;
        while delivered < STRIDE {
            let group = self.next_group();
            let Some(first) = group.first() else {
                return false;
            };
            for member in first.members.values() {
                deliver(member, &group);
            }
            delivered += group.len() * first.members.len();
            self.done(&group);
        }
        !self.is_empty()
    }

    /// Whether what waits is so little that the thread that has published delivers it itself.
    pub fn is_small(&self) -> bool {
        let queue = lock(&self.queue);
        let members = queue
            .deliveries
            .iter()
            .map(|delivery| delivery.members.len());
        queue.deliveries.len() <= DIRECT && members.sum::<usize>() <= DIRECT
    }

    /// The first messages of the queue, as far as they have the same members. They stay in the queue until they have
    /// been delivered.
    fn next_group(&self) -> Vec<Arc<Delivery>> {
        let queue = lock(&self.queue);
        let Some(first) = queue.deliveries.front() else {
            return Vec::new();
        };
        let is_same = |other: &&Arc<Delivery>| Arc::ptr_eq(&first.members, &other.members);
        let most = (STRIDE / first.members.len().max(1)).max(1);
        let same = queue.deliveries.iter().take_while(is_same);
        same.take(most).cloned().collect()
    }

    /// All members of these have got them.
    fn done(&self, group: &[Arc<Delivery>]) {
        let last = group.last().map_or(0, |delivery| delivery.sequence);
        let mut queue = lock(&self.queue);
        while let Some(first) = queue.deliveries.front()
            && first.sequence <= last
        {
            queue.weight -= first.weight;
            queue.deliveries.pop_front();
        }
        if queue.deliveries.is_empty() {
            queue.deliveries = VecDeque::new();
        }
        self.len.store(queue.deliveries.len(), Ordering::Release);
    }
}

/// A panic costs its member only.
fn deliver(member: &Arc<dyn Member>, group: &[Arc<Delivery>]) {
    if catch_panic(|| member.clone().deliver(group)).is_none() {
        // Should it panic again, nothing more can be done for it.
        let _ = catch_panic(|| member.clone().fail());
    }
}
