//! One queue of deadlines for all connections of a runtime, served by one task.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Instant;

use tokio::sync::Notify;
use tokio::time::timeout_at;

use crate::{catch_panic, lock};

/// A connection, as the timers need it.
pub trait Timed: Send + Sync {
    /// A deadline may have come.
    fn handle_timeout(self: Arc<Self>, now: Instant);
    /// `handle_timeout` has panicked.
    fn fail(self: Arc<Self>);
}

/// Deadlines in order. A connection has at most one entry. If its deadline moves to a later time, the entry stays:
/// it fires early, and the connection then adds a new one. So moving a deadline costs nothing.
#[derive(Debug, Default)]
pub struct Timers {
    // A std Mutex: never held across an await.
    queue: Mutex<BTreeMap<(Instant, u32), Weak<dyn Timed>>>,
    earlier: Notify,
}

impl Timers {
    /// Adds an entry: at the time `at`, [`Timed::handle_timeout`] is called, unless the connection is gone by then.
    pub fn add(&self, at: Instant, key: u32, connection: Weak<dyn Timed>) {
        let mut queue = lock(&self.queue);
        let first = queue
            .first_key_value()
            .is_none_or(|((first, _), _)| at < *first);
        queue.insert((at, key), connection);
        drop(queue);
        if first {
            self.earlier.notify_one();
        }
    }

    /// Removes an entry, so that a connection that has ended does not wait here for its deadline.
    pub fn remove(&self, at: Instant, key: u32) {
        lock(&self.queue).remove(&(at, key));
    }

    /// Serves the queue for ever.
    pub async fn run(self: Arc<Self>) {
        loop {
            let next = lock(&self.queue).first_key_value().map(|((at, _), _)| *at);
            let earlier = self.earlier.notified();
            match next {
                None => earlier.await,
                // An earlier deadline was added, or this one has come.
                Some(at) => drop(timeout_at(at.into(), earlier).await),
            }
            self.fire(Instant::now());
        }
    }

    fn fire(&self, now: Instant) {
        loop {
            let due = {
                let mut queue = lock(&self.queue);
                match queue.first_entry() {
                    Some(entry) if entry.key().0 <= now => entry.remove(),
                    _ => return,
                }
            };
            if let Some(connection) = due.upgrade()
                && catch_panic(|| connection.clone().handle_timeout(now)).is_none()
            {
                // A panic ends its own connection; the timers of the others continue.
                let _ = catch_panic(|| connection.fail());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[derive(Debug, Default)]
    struct Log {
        fired: Mutex<Vec<Instant>>,
        panics: bool,
        failed: Mutex<bool>,
    }

    impl Timed for Log {
        fn handle_timeout(self: Arc<Self>, now: Instant) {
            assert!(!self.panics, "as the test wants it");
            lock(&self.fired).push(now);
        }

        fn fail(self: Arc<Self>) {
            *lock(&self.failed) = true;
        }
    }

    fn weak(log: &Arc<Log>) -> Weak<Log> {
        Arc::downgrade(log)
    }

    #[test]
    fn what_is_due_fires_once() {
        let (timers, log, start) = (Timers::default(), Arc::new(Log::default()), Instant::now());
        let second = Duration::from_secs(1);
        timers.add(start + second, 1, weak(&log));
        timers.add(start + 3 * second, 2, weak(&log));
        timers.add(start + second, 3, weak(&log));
        timers.remove(start + second, 3);
        timers.fire(start);
        assert_eq!(*lock(&log.fired), []);
        timers.fire(start + 2 * second);
        assert_eq!(*lock(&log.fired), [start + 2 * second]);
        timers.fire(start + 3 * second);
        timers.fire(start + 4 * second);
        assert_eq!(lock(&log.fired).len(), 2);
    }

    #[test]
    fn a_panic_ends_its_own_connection_only() {
        let (timers, log, now) = (Timers::default(), Arc::new(Log::default()), Instant::now());
        let panics = Arc::new(Log {
            panics: true,
            ..Log::default()
        });
        timers.add(now, 1, weak(&panics));
        timers.add(now, 2, weak(&log));
        timers.fire(now);
        assert!(*lock(&panics.failed) && !*lock(&log.failed));
        assert_eq!(lock(&log.fired).len(), 1);
    }
}
