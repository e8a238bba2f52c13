//! The bytes that wait for a client: their number, their bound, and `'drain'`.

use std::sync::{Arc, Weak};
use std::time::Instant;

use super::{Connection, Inner, Sent};
use crate::lock;
use crate::protocol::closing::Cause;
use crate::server::events::Event;
use crate::server::send_buffer::{DrainListener, SendBuffer};

impl Connection {
    /// Ends the connection if too much waits for the client. Returns whether the application should wait.
    pub(super) fn after_send(self: &Arc<Self>, inner: &mut Inner, buffered: usize) -> Sent {
        if buffered > self.context.options.max_buffered {
            self.end_locked(inner, Cause::TooSlow, Instant::now());
            return Sent::Taken;
        }
        match self.context.options.high_water_mark {
            Some(mark) if buffered > mark => {
                inner.wants_drain = true;
                let send_buffer = inner.send_buffers().next();
                if let Some(send_buffer) = send_buffer {
                    self.watch_drain(inner, &send_buffer);
                }
                Sent::Full
            }
            _ => Sent::Taken,
        }
    }

    fn tell_drained(&self, inner: &mut Inner) {
        // Messages that wait for a receiver have not left.
        if inner.wants_drain && inner.session.queued() == 0 {
            inner.wants_drain = false;
            if inner.session.is_open() {
                self.runtime().events.push(Event::Drain(self.key));
            }
        }
    }

    /// Bytes that have not left.
    pub fn buffered(&self) -> usize {
        lock(&self.inner).buffered()
    }

    /// If the application waits for `'drain'`, reports it when the bytes of this send buffer have left.
    pub(super) fn watch_drain(self: &Arc<Self>, inner: &mut Inner, send_buffer: &SendBuffer) {
        // Another thread may have sent them already.
        if inner.wants_drain && !send_buffer.notify_drain(self) {
            self.tell_drained(inner);
        }
    }
}

impl DrainListener for Connection {
    /// Reports `'drain'`, if the application waits for it.
    fn drained(&self) {
        self.tell_drained(&mut lock(&self.inner));
    }
}

impl Inner {
    /// The send buffers that may have bytes: first that of the receiver, then the others, the latest first.
    pub(super) fn send_buffers(&self) -> impl Iterator<Item = Arc<SendBuffer>> {
        let leaving = self.leaving.iter().rev().filter_map(Weak::upgrade);
        self.send_buffer().cloned().into_iter().chain(leaving)
    }

    /// The response of this send buffer has ended.
    pub(super) fn leaves(&mut self, send_buffer: &Arc<SendBuffer>) {
        let has_bytes = |send_buffer: &Weak<SendBuffer>| {
            let send_buffer = send_buffer.upgrade();
            send_buffer.is_some_and(|send_buffer| send_buffer.buffered() > 0)
        };
        self.leaving.retain(has_bytes);
        self.leaving.push(Arc::downgrade(send_buffer));
    }

    /// Bytes that have not left: in the queue, or in a send buffer.
    pub(super) fn buffered(&self) -> usize {
        let leaving: usize = self
            .send_buffers()
            .map(|send_buffer| send_buffer.buffered())
            .sum();
        self.session.queued() + leaving
    }
}
