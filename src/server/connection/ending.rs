//! Ends connections: [`Connection::end`] carries out what [`protocol::closing`](crate::protocol::closing) and the session
//! decide.

use std::sync::Arc;
use std::time::Instant;

use super::{Connection, Inner, Receiver};
use crate::lock;
use crate::protocol::closing::{Cause, Steps};
use crate::protocol::session::{Detach, State};
use crate::server::events::{Event, Severity};

impl Connection {
    /// Ends the connection. All endings come here. A cause that comes too late has no effect.
    pub fn end(self: &Arc<Self>, cause: Cause) {
        self.end_locked(&mut lock(&self.inner), cause, Instant::now());
    }

    /// JavaScript has handled [`Event::ClientClose`], and so all messages before it.
    pub fn finish_client_close(self: &Arc<Self>) {
        let mut inner = lock(&self.inner);
        let now = Instant::now();
        while let Some(websocket) = &mut inner.websocket
            && let Some(steps) = websocket.closing.poll_queued(now)
        {
            self.carry_out(&mut inner, &steps, now);
        }
        self.settle(&mut inner, now);
    }

    pub(super) fn end_locked(self: &Arc<Self>, inner: &mut Inner, cause: Cause, now: Instant) {
        match &cause {
            Cause::ApplicationClosed(frame) => {
                inner.session.close(frame);
            }
            Cause::ApplicationClosedRaw(_) => {
                if inner.session.close(&[]) {
                    self.close_websocket(inner, cause, now);
                }
            }
            Cause::ReceiverDone => self.finish(inner, now),
            Cause::SessionAbandoned => {
                if inner.receiver.is_none() {
                    inner.session.end();
                }
            }
            Cause::ResponseAborted(receiver) => {
                if matches!(&inner.receiver, Some(Receiver::Response { id, .. }) if id == receiver)
                {
                    inner.detach(now, Detach::Aborted);
                }
            }
            Cause::TooSlow if inner.session.is_open() => self.overflow(inner, now),
            Cause::Panic => self.fail(inner, now),
            Cause::ClientClosed(_)
            | Cause::Violation(_)
            | Cause::BrokenFraming
            | Cause::ClientGone
            | Cause::TooSlow
            | Cause::CloseTimeout => self.close_websocket(inner, cause, now),
        }
        self.settle(inner, now);
    }

    /// Passes the cause to the closing handshake, if this is a websocket.
    pub(super) fn close_websocket(self: &Arc<Self>, inner: &mut Inner, cause: Cause, now: Instant) {
        if let Some(websocket) = &mut inner.websocket {
            let steps = websocket.closing.end(cause, now);
            self.carry_out(inner, &steps, now);
        }
    }

    pub(super) fn carry_out(self: &Arc<Self>, inner: &mut Inner, steps: &Steps, now: Instant) {
        let Some(websocket) = &inner.websocket else {
            return;
        };
        if steps.queue {
            self.runtime().events.push(Event::ClientClose(self.key));
        }
        if let Some(frame) = &steps.frame {
            websocket.close(frame);
        }
        if let Some(end) = steps.sender {
            websocket.end(end);
        }
        if steps.session {
            inner.detach(now, Detach::Aborted);
        }
    }

    /// The receiver has got all that it gets.
    pub(super) fn finish(self: &Arc<Self>, inner: &mut Inner, now: Instant) {
        match inner.receiver.take() {
            Some(Receiver::Response { send_buffer, .. }) => {
                send_buffer.end();
                inner.leaves(&send_buffer);
            }
            Some(Receiver::Websocket) => self.close_websocket(inner, Cause::ReceiverDone, now),
            None => return,
        }
        inner.session.detach(now, Detach::Done);
    }

    /// Drops what waits for the client, but not the first bytes ([`SendBuffer::truncate_at_boundary`]): a client that
    /// reads again gets whole frames, and then the close frame.
    ///
    /// [`SendBuffer::truncate_at_boundary`]: crate::server::send_buffer::SendBuffer::truncate_at_boundary
    fn overflow(self: &Arc<Self>, inner: &mut Inner, now: Instant) {
        self.context.log(Severity::Error, || {
            format!(
                "Session closed: its client has left {} bytes unread",
                inner.buffered()
            )
        });
        inner.overflowed = true;
        for send_buffer in inner.send_buffers() {
            send_buffer.truncate_at_boundary();
        }
        // Before `overflow`, which closes the websocket of a SockJS session: a websocket that is closing is aborted.
        let steps = match &mut inner.websocket {
            Some(websocket) => websocket.closing.end(Cause::TooSlow, now),
            None => Steps::default(),
        };
        inner.session.overflow();
        self.settle(inner, now);
        self.carry_out(inner, &steps, now);
    }

    /// Ends the session at once.
    fn fail(self: &Arc<Self>, inner: &mut Inner, now: Instant) {
        if inner.session.state() == State::Closed {
            return;
        }
        self.context.log_fault();
        match inner.receiver.take() {
            Some(Receiver::Response { send_buffer, .. }) => send_buffer.abort(),
            Some(Receiver::Websocket) => self.close_websocket(inner, Cause::Panic, now),
            None => {}
        }
        inner.session.end();
    }
}

impl Inner {
    /// The receiver has left.
    pub(super) fn detach(&mut self, now: Instant, why: Detach) {
        self.receiver = None;
        self.session.detach(now, why);
    }
}
