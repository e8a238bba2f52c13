//! While the application has paused a connection, nothing is read from its websocket, and its sending requests wait.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::Connection;
use crate::lock;

/// One of the requests that wait because their connection is paused.
#[derive(Debug)]
pub struct Permit(Arc<Connection>);

impl Permit {
    /// The connection for which it waits.
    pub fn connection(&self) -> &Arc<Connection> {
        &self.0
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Requests that may wait for one connection. SockJS clients send one request at a time.
const MAX_WAITING: usize = 16;

impl Connection {
    /// Pauses or resumes the connection.
    pub fn pause(&self, paused: bool) {
        if paused {
            self.paused.store(true, Ordering::Release);
        } else {
            // The pong may have arrived, but has not been read.
            lock(&self.inner).session.postpone_pong(Instant::now());
            self.resume();
        }
    }

    pub(super) fn resume(&self) {
        self.paused.store(false, Ordering::Release);
        self.resumed.notify_waiters();
    }

    /// Whether the application has paused the connection.
    pub fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Acquire)
    }

    /// A permit to wait until the connection is resumed; `None` if too many requests wait.
    pub fn wait_permit(self: &Arc<Self>) -> Option<Permit> {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let permit = Permit(self.clone());
        (before < MAX_WAITING).then_some(permit)
    }

    /// Waits until more may be read from the client: until the connection is not paused, and JavaScript has handled enough
    /// events.
    pub async fn may_read(&self) {
        loop {
            let resumed = self.resumed.notified();
            if !self.is_paused() {
                break;
            }
            resumed.await;
        }
        self.runtime().events.room().await;
    }

    /// Whether [`Connection::may_read`] would not wait.
    pub fn may_read_now(&self) -> bool {
        !self.is_paused() && !self.runtime().events.is_full()
    }
}
