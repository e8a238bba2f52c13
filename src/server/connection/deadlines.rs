//! The deadlines of a session and of its websocket, which have one entry in the timers.

use std::sync::Arc;
use std::time::Instant;

use super::websocket_sender::WebsocketSender;
use super::{Connection, Inner};
use crate::protocol::closing::Cause;
use crate::server::timers::Timed;
use crate::{lock, may_panic};

impl Connection {
    /// Ensures that the entry in the timers is not later than the next deadline.
    pub(super) fn schedule(self: &Arc<Self>, inner: &mut Inner) {
        let websocket = inner
            .websocket
            .as_ref()
            .and_then(WebsocketSender::poll_timeout);
        let next = match (inner.session.poll_timeout(), websocket) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let timers = &self.runtime().timers;
        match (next, inner.scheduled) {
            (Some(next), Some(scheduled)) if scheduled <= next => {}
            (Some(next), scheduled) => {
                if let Some(scheduled) = scheduled {
                    timers.remove(scheduled, self.key);
                }
                let connection = Arc::downgrade(self);
                timers.add(next, self.key, connection);
                inner.scheduled = Some(next);
            }
            (None, Some(scheduled)) => {
                timers.remove(scheduled, self.key);
                inner.scheduled = None;
            }
            (None, None) => {}
        }
    }
}

impl Timed for Connection {
    fn handle_timeout(self: Arc<Self>, now: Instant) {
        may_panic("timer");
        let mut stalled = false;
        if lock(&self.inner).session.is_pong_due(now) {
            // The pong may have arrived, but the JavaScript thread, which would read it, is busy.
            self.runtime().read_for_js();
            let patience = self.context.options.delays.pong / 4;
            stalled = self.runtime().events.has_waited_for(patience, now);
        }
        let mut inner = lock(&self.inner);
        inner.scheduled = None;
        if stalled && inner.session.is_pong_due(now) {
            inner.session.handle_stall(now);
        } else if !self.may_read_now() {
            inner.session.postpone_pong(now);
        }
        inner.session.handle_timeout(now);
        if let Some(websocket) = &mut inner.websocket {
            websocket.ping(now, self.context.options.ping);
            let steps = websocket.closing.handle_timeout(now);
            self.carry_out(&mut inner, &steps, now);
        }
        self.settle(&mut inner, now);
    }

    fn fail(self: Arc<Self>) {
        self.end(Cause::Panic);
    }
}
