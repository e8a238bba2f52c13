//! One queue of deadlines for all connections of a runtime, served by one task.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Instant;

use tokio::sync::Notify;
use tokio::time::timeout_at;

use super::connection::Connection;
use crate::protocol::closing::Cause;
use crate::{catch_panic, lock};

/// Deadlines in order. A connection has at most one entry. If its deadline moves to a later time, the entry stays:
/// it fires early, and the connection then adds a new one. So moving a deadline costs nothing.
#[derive(Debug, Default)]
pub struct Timers {
    // A std Mutex: never held across an await.
    queue: Mutex<BTreeMap<(Instant, u32), Weak<Connection>>>,
    earlier: Notify,
}

impl Timers {
    /// Adds an entry: at the time `at`, `handle_timeout` of the connection is called.
    pub fn add(&self, at: Instant, key: u32, connection: Weak<Connection>) {
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
                && catch_panic(|| connection.handle_timeout(now)).is_none()
            {
                // A panic ends its own connection; the timers of the others continue.
                let _ = catch_panic(|| connection.end(Cause::Panic));
            }
        }
    }
}
