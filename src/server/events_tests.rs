//! Tests of the event queue: when JavaScript is woken, and when buffers shrink.

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
fn a_buffer_shrinks_when_it_was_not_needed_for_a_while() {
    let mut batch = EventBatch {
        bytes: vec![0; LARGE],
        ..EventBatch::default()
    };
    batch.clear();
    for _ in 0..MAX_UNNEEDED {
        assert_eq!(batch.bytes.capacity(), LARGE);
        batch.bytes.push(0);
        batch.clear();
    }
    assert_eq!(batch.bytes.capacity(), LARGE);
    batch.bytes.push(0);
    batch.clear();
    assert!(batch.bytes.capacity() <= KEEP_CAPACITY);
}

#[test]
fn a_large_buffer_shrinks_as_soon_as_it_is_not_needed() {
    let mut batch = EventBatch {
        wide: vec![0; LARGE],
        ..EventBatch::default()
    };
    batch.clear();
    assert_eq!(batch.wide.capacity(), LARGE);
    batch.clear();
    assert!(batch.wide.capacity() <= KEEP_CAPACITY);
}

#[test]
fn reading_stops_while_javascript_is_far_behind() {
    let (queue, _waker) = queue();
    say(&queue, &"x".repeat(FULL_AT + 1));
    assert!(queue.is_full());
    queue.drain(&mut EventBatch::default());
    assert!(!queue.is_full());
}
