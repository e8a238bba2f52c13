//! The queue of events, and what wakes JavaScript for it.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::batch::{EventBatch, Inbox};
use super::event::Event;
use crate::lock;

/// Wakes the JavaScript thread, which then drains the queue. Called from any thread.
pub trait Waker: fmt::Debug + Send + Sync {
    /// Must not block.
    fn wake(&self);
}

/// The queue between the threads that do network work and the JavaScript thread.
#[derive(Debug)]
pub struct EventQueue {
    // A std Mutex: held while one payload is decoded into the batch, never across an await.
    batch: Mutex<EventBatch>,
    len: AtomicUsize,
    weight: AtomicUsize,
    /// The waker has been called, and JavaScript has not drained the queue since.
    notified: AtomicBool,
    waker: Box<dyn Waker>,
    drained: Notify,
}

/// This many events wake JavaScript even while the I/O thread is busy.
const WAKE_AT: usize = 256;
/// While more bytes than this wait, the I/O threads do not read from clients and do not answer their requests.
const FULL_AT: usize = 16 << 20;
impl EventQueue {
    /// An empty queue.
    pub fn new(waker: Box<dyn Waker>) -> Self {
        Self {
            batch: Mutex::default(),
            len: AtomicUsize::new(0),
            weight: AtomicUsize::new(0),
            notified: AtomicBool::new(false),
            waker,
            drained: Notify::new(),
        }
    }

    /// Adds one event. JavaScript is woken when the I/O thread is about to sleep, or when [`WAKE_AT`] events
    /// wait.
    pub fn push(&self, event: Event) {
        let mut batch = lock(&self.batch);
        batch.held += event.held();
        batch.events.push(event);
        self.pushed(&mut batch);
    }

    /// Adds messages for the connection `key`. Adds none of them if `fill` fails, or if they are not `wanted`.
    pub fn push_messages<E>(
        &self,
        key: u32,
        wanted: bool,
        fill: impl FnOnce(&mut Inbox<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut batch = lock(&self.batch);
        let mark = batch.mark();
        let filled = fill(&mut Inbox::new(&mut batch, key));
        if filled.is_err() || !wanted {
            batch.rewind(mark);
        }
        self.pushed(&mut batch);
        filled
    }

    fn pushed(&self, batch: &mut EventBatch) {
        if !batch.events.is_empty() {
            batch.since.get_or_insert_with(Instant::now);
        }
        self.len.store(batch.events.len(), Ordering::Relaxed);
        self.weight.store(batch.weight(), Ordering::Relaxed);
        if batch.events.len() >= WAKE_AT {
            self.wake();
        }
    }

    /// Whether no events wait.
    pub fn is_empty(&self) -> bool {
        self.len.load(Ordering::Relaxed) == 0
    }

    /// Wakes JavaScript if events wait and it has not been woken for them yet.
    pub fn wake_if_waiting(&self) {
        if !self.is_empty() {
            self.wake();
        }
    }

    fn wake(&self) {
        if !self.notified.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }

    /// Moves all waiting events to `into`. The buffers that `into` had are emptied, and take the next events.
    pub fn drain(&self, into: &mut EventBatch) {
        into.clear();
        // Before the swap, because an event that is pushed after the swap has to wake JavaScript again.
        self.notified.store(false, Ordering::Release);
        let mut batch = lock(&self.batch);
        std::mem::swap(&mut *batch, into);
        self.len.store(0, Ordering::Relaxed);
        let was_full = self.weight.swap(0, Ordering::Relaxed) > FULL_AT;
        drop(batch);
        if was_full {
            self.drained.notify_waiters();
        }
    }

    /// Whether JavaScript has let events wait for longer than `limit`.
    pub fn has_waited_for(&self, limit: Duration, now: Instant) -> bool {
        let since = lock(&self.batch).since;
        since.is_some_and(|since| now.saturating_duration_since(since) > limit)
    }

    /// Waits while more than [`FULL_AT`] bytes wait for JavaScript: nothing should be read from clients then.
    pub async fn room(&self) {
        while self.weight.load(Ordering::Relaxed) > FULL_AT {
            let drained = self.drained.notified();
            if self.weight.load(Ordering::Relaxed) > FULL_AT {
                drained.await;
            }
        }
    }

    /// Whether [`EventQueue::room`] would wait.
    pub fn is_full(&self) -> bool {
        self.weight.load(Ordering::Relaxed) > FULL_AT
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[derive(Clone, Debug, Default)]
    struct CountingWaker(Arc<AtomicUsize>);

    impl Waker for CountingWaker {
        fn wake(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn queue() -> (EventQueue, CountingWaker) {
        let waker = CountingWaker::default();
        (EventQueue::new(Box::new(waker.clone())), waker)
    }

    fn say(queue: &EventQueue, text: &str) {
        let said: Result<(), ()> = queue.push_messages(1, true, |inbox| {
            inbox.text(text);
            Ok(())
        });
        said.unwrap();
    }

    #[test]
    fn javascript_is_woken_once_for_any_number_of_events() {
        let (queue, waker) = queue();
        say(&queue, "a");
        say(&queue, "b");
        assert_eq!(waker.0.load(Ordering::Relaxed), 0);
        queue.wake_if_waiting();
        queue.wake_if_waiting();
        assert_eq!(waker.0.load(Ordering::Relaxed), 1);
        let mut batch = EventBatch::default();
        queue.drain(&mut batch);
        assert_eq!(batch.events.len(), 2);
        assert_eq!(batch.bytes, b"ab");
        queue.wake_if_waiting();
        assert_eq!(waker.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_busy_io_thread_wakes_javascript_when_many_events_wait() {
        let (queue, waker) = queue();
        for _ in 0..WAKE_AT {
            say(&queue, "x");
        }
        assert_eq!(waker.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_broken_payload_leaves_nothing_behind() {
        let (queue, _waker) = queue();
        say(&queue, "before");
        let broken = queue.push_messages(1, true, |inbox| {
            inbox.text("half");
            inbox.text("é");
            Err("broken")
        });
        assert_eq!(broken, Err("broken"));
        let mut batch = EventBatch::default();
        queue.drain(&mut batch);
        assert_eq!(batch.bytes, b"before");
        assert!(batch.wide.is_empty());
    }

    #[test]
    fn reading_stops_while_javascript_is_far_behind() {
        let (queue, _waker) = queue();
        say(&queue, &"x".repeat(FULL_AT + 1));
        assert!(queue.is_full());
        queue.drain(&mut EventBatch::default());
        assert!(!queue.is_full());
    }
}
