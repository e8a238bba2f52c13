//! Messages, pings and pongs of a client.

use std::sync::Arc;
use std::time::Instant;

use super::Connection;
use crate::lock;
use crate::protocol::closing::Cause;
use crate::protocol::rfc6455::{Opcode, encode};
use crate::server::events::Inbox;

impl Connection {
    /// Queues messages of the client, which `decode` adds. They are dropped unless the session is open.
    pub fn receive<E>(
        &self,
        decode: impl FnOnce(&mut Inbox<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        // The lock is held while the events are queued, so none of them can follow `Closed`.
        let inner = lock(&self.inner);
        let websocket = inner.websocket.as_ref();
        let open = inner.session.is_open()
            && websocket.is_none_or(|websocket| websocket.closing.can_receive());
        self.runtime().events.push_messages(self.key, open, decode)
    }

    /// The client has sent a ping.
    pub fn handle_ping(self: &Arc<Self>, payload: &[u8]) {
        let mut inner = lock(&self.inner);
        let Some(websocket) = &inner.websocket else {
            return;
        };
        if !websocket.closing.can_pong() {
            return;
        }
        let buffered = websocket
            .send_buffer
            .write(|out| encode(Opcode::Pong, payload, out));
        if buffered > self.context.options.max_buffered {
            self.end_locked(&mut inner, Cause::TooSlow, Instant::now());
        }
    }

    /// The client has sent a pong. One with an empty payload answers a heartbeat.
    pub fn handle_pong(&self, payload: &[u8]) {
        if payload.is_empty() {
            lock(&self.inner).session.handle_pong();
        }
    }
}
