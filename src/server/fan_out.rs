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
    /// In ascending order.
    except: Box<[u32]>,
    /// The message.
    pub publication: Publication,
    weight: usize,
}

impl Delivery {
    /// Whether the message is for this member.
    pub fn is_for(&self, key: u32) -> bool {
        self.except.binary_search(&key).is_err()
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
    pub fn push(
        &self,
        members: Audience,
        mut except: Box<[u32]>,
        publication: Publication,
    ) -> bool {
        except.sort_unstable();
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Weak;
    use std::sync::atomic::AtomicBool;
    use std::thread;

    use super::*;
    use crate::protocol::websocket_kind::WebsocketKind;

    /// A member that keeps the texts that it has got.
    #[derive(Debug, Default)]
    struct Fake {
        key: u32,
        state: Mutex<FakeState>,
        panics: bool,
        has_failed: AtomicBool,
    }

    #[derive(Debug, Default)]
    struct FakeState {
        delivered: u64,
        got: Vec<String>,
        /// How many messages came with each call.
        calls: Vec<usize>,
    }

    impl Fake {
        fn new(key: u32) -> Arc<Self> {
            Arc::new(Self {
                key,
                ..Self::default()
            })
        }

        fn got(&self) -> Vec<String> {
            lock(&self.state).got.clone()
        }

        fn write(self: &Arc<Self>, fan_out: &FanOut, text: &str) {
            fan_out.catch_up(self);
            lock(&self.state).got.push(text.into());
        }
    }

    impl Member for Fake {
        fn key(&self) -> u32 {
            self.key
        }

        fn deliver(self: Arc<Self>, deliveries: &[Arc<Delivery>]) {
            assert!(!self.panics, "as the test wants it");
            let state = &mut *lock(&self.state);
            state.calls.push(deliveries.len());
            for delivery in deliveries {
                if delivery.sequence > state.delivered {
                    state.delivered = delivery.sequence;
                    if delivery.is_for(self.key) {
                        state.got.push(text(&delivery.publication));
                    }
                }
            }
        }

        fn offer(self: Arc<Self>, _: &Publication) -> bool {
            false
        }

        fn fail(self: Arc<Self>) {
            self.has_failed.store(true, Ordering::Relaxed);
            panic!("a member may panic again");
        }
    }

    fn publication(text: &str) -> Publication {
        Publication::new(text.encode_utf16().collect(), None)
    }

    /// The text of a short message.
    fn text(publication: &Publication) -> String {
        let frame = publication.websocket(WebsocketKind::Raw, false);
        String::from_utf8_lossy(&frame[2..]).into_owned()
    }

    fn fakes<const N: usize>() -> [Arc<Fake>; N] {
        std::array::from_fn(|index| Fake::new(u32::try_from(index).unwrap()))
    }

    fn audience(fakes: &[&Arc<Fake>]) -> Audience {
        let member = |fake: &&Arc<Fake>| (fake.key, (*fake).clone() as Arc<dyn Member>);
        Arc::new(fakes.iter().map(member).collect::<BTreeMap<_, _>>())
    }

    fn publish(fan_out: &FanOut, members: &Audience, text: &str) {
        assert!(fan_out.push(members.clone(), Box::default(), publication(text)));
    }

    fn weight(fan_out: &FanOut) -> usize {
        lock(&fan_out.queue).weight
    }

    #[test]
    fn each_member_gets_a_message_once() {
        let fan_out = FanOut::default();
        let [a, b, c] = fakes();
        let members = audience(&[&a, &b, &c]);
        publish(&fan_out, &members, "1");
        fan_out.push(members.clone(), Box::from([1, 7]), publication("2"));
        publish(&fan_out, &audience(&[&a, &b]), "3");
        assert!(!fan_out.is_empty() && a.got().is_empty());
        fan_out.deliver_all();
        fan_out.deliver_all();
        fan_out.catch_up(&a);
        assert!(fan_out.is_empty() && !fan_out.deliver_some());
        assert_eq!(a.got(), ["1", "2", "3"]);
        assert_eq!(b.got(), ["1", "3"]);
        assert_eq!(c.got(), ["1", "2"]);
        assert_eq!(weight(&fan_out), 0);
    }

    #[test]
    fn a_write_comes_after_what_was_published_before() {
        let fan_out = FanOut::default();
        let [a, b] = fakes();
        let both = audience(&[&a, &b]);
        publish(&fan_out, &both, "1");
        publish(&fan_out, &audience(&[&b]), "2");
        b.write(&fan_out, "3");
        publish(&fan_out, &both, "4");
        assert!(a.got().is_empty());
        a.write(&fan_out, "5");
        fan_out.deliver_all();
        assert_eq!(a.got(), ["1", "4", "5"]);
        assert_eq!(b.got(), ["1", "2", "3", "4"]);
    }

    #[test]
    fn messages_are_for_the_connection_that_had_the_key_when_they_were_published() {
        let fan_out = FanOut::default();
        let before = Fake::new(1);
        let after = Fake::new(1);
        publish(&fan_out, &audience(&[&before]), "1");
        after.write(&fan_out, "2");
        publish(&fan_out, &audience(&[&after]), "3");
        fan_out.catch_up(&after);
        assert!(before.got().is_empty());
        fan_out.deliver_all();
        assert_eq!(before.got(), ["1"]);
        assert_eq!(after.got(), ["2", "3"]);
    }

    #[test]
    fn consecutive_messages_to_the_same_members_are_delivered_together() {
        let fan_out = FanOut::default();
        let [a, b] = fakes();
        let both = audience(&[&a, &b]);
        for text in ["1", "2", "3"] {
            publish(&fan_out, &both, text);
        }
        publish(&fan_out, &audience(&[&a]), "4");
        publish(&fan_out, &both, "5");
        fan_out.deliver_all();
        assert_eq!(lock(&a.state).calls, [3, 1, 1]);
        assert_eq!(a.got(), ["1", "2", "3", "4", "5"]);
        assert_eq!(b.got(), ["1", "2", "3", "5"]);
    }

    #[test]
    fn other_tasks_run_while_much_is_delivered() {
        let fan_out = FanOut::default();
        let fakes: [_; 64] = fakes();
        let members = audience(&fakes.each_ref());
        let most = STRIDE / fakes.len();
        for _ in 0..2 * most {
            publish(&fan_out, &members, "x");
        }
        assert!(fan_out.deliver_some());
        assert!(fakes.iter().all(|fake| fake.got().len() == most));
        assert!(!fan_out.deliver_some());
        assert!(fakes.iter().all(|fake| fake.got().len() == 2 * most));
    }

    #[test]
    fn whoever_publishes_too_much_delivers_it() {
        let fan_out = FanOut::default();
        let [a] = fakes();
        let members = audience(&[&a]);
        let large = "x".repeat(MAX_WEIGHT / 4);
        assert!(fan_out.push(members.clone(), Box::default(), publication(&large)));
        assert!(!fan_out.push(members.clone(), Box::default(), publication(&large)));
        fan_out.deliver_all();
        assert_eq!((a.got().len(), weight(&fan_out)), (2, 0));
        publish(&fan_out, &members, "1");
    }

    #[test]
    fn a_list_of_members_counts_once_and_is_not_kept() {
        let fan_out = FanOut::default();
        let fakes: Vec<_> = (0..1000).map(Fake::new).collect();
        let members = audience(&fakes.iter().collect::<Vec<_>>());
        publish(&fan_out, &members, "1");
        let first = weight(&fan_out);
        assert!(first >= 1000 * MEMBER_WEIGHT);
        publish(&fan_out, &members, "2");
        assert!(weight(&fan_out) - first < 1000);
        let kept: Weak<_> = Arc::downgrade(&members);
        drop(members);
        fan_out.deliver_all();
        assert_eq!((weight(&fan_out), kept.strong_count()), (0, 0));
        assert_eq!(lock(&fan_out.queue).deliveries.capacity(), 0);
    }

    #[test]
    fn only_a_few_deliveries_are_small() {
        let fan_out = FanOut::default();
        let fakes: [_; DIRECT] = fakes();
        assert!(fan_out.is_small());
        publish(&fan_out, &audience(&fakes.each_ref()), "1");
        assert!(fan_out.is_small());
        publish(&fan_out, &audience(&[&fakes[0]]), "2");
        assert!(!fan_out.is_small());
    }

    #[test]
    fn a_member_that_panics_costs_only_itself() {
        let fan_out = FanOut::default();
        let [a, _, c] = fakes();
        let bad = Arc::new(Fake {
            key: 1,
            panics: true,
            ..Fake::default()
        });
        let members = audience(&[&a, &bad, &c]);
        publish(&fan_out, &members, "1");
        publish(&fan_out, &members, "2");
        fan_out.deliver_all();
        assert!(bad.has_failed.load(Ordering::Relaxed));
        for fake in [a, c] {
            assert_eq!(fake.got(), ["1", "2"]);
            assert!(!fake.has_failed.load(Ordering::Relaxed));
        }
        assert_eq!(weight(&fan_out), 0);
    }

    #[test]
    fn two_threads_that_deliver_at_once_keep_the_order() {
        let fan_out = FanOut::default();
        let fakes: [_; 20] = fakes();
        let all = audience(&fakes.each_ref());
        let some = audience(&[&fakes[3], &fakes[17]]);
        let is_over = AtomicBool::new(false);
        let mut expected: Vec<Vec<String>> = vec![Vec::new(); fakes.len()];
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    if !fan_out.deliver_some() {
                        thread::yield_now();
                    }
                }
            });
            for number in 0..1000_usize {
                let text = number.to_string();
                let members = if number % 3 == 0 { &some } else { &all };
                publish(&fan_out, members, &text);
                for key in members.keys() {
                    expected[*key as usize].push(text.clone());
                }
                match number % 7 {
                    0 => fan_out.deliver_all(),
                    1 | 2 => {
                        let index = number % fakes.len();
                        fakes[index].write(&fan_out, &format!("w{text}"));
                        expected[index].push(format!("w{text}"));
                    }
                    _ => {}
                }
            }
            fan_out.deliver_all();
            is_over.store(true, Ordering::Relaxed);
        });
        for (fake, expected) in fakes.iter().zip(expected) {
            assert_eq!(fake.got(), expected);
        }
        assert_eq!(weight(&fan_out), 0);
    }
}
