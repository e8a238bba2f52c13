//! What waits for a client that reads slowly: how much it is, its bound, and `'drain'`.

use std::sync::{Arc, Weak};
use std::time::Instant;

use super::{Connection, Inner, Sent};
use crate::lock;
use crate::server::events::Event;
use crate::server::outlet::Outlet;
use crate::transport::Transport;

impl Connection {
    /// Bounds what waits for the client and says whether the application should pause.
    pub(super) fn after_send(self: &Arc<Self>, inner: &mut Inner, buffered: usize) -> Sent {
        if buffered > self.service.options.max_buffered {
            self.overflow(inner);
            return Sent::Taken;
        }
        match self.service.options.high_water_mark {
            Some(mark) if buffered > mark => {
                inner.wants_drain = true;
                let outlet = inner.outlets().next();
                if let Some(outlet) = outlet {
                    self.watch_drain(inner, &outlet);
                }
                Sent::Full
            }
            _ => Sent::Taken,
        }
    }

    /// What waits is dropped at once, but for the writes that have begun to leave: a client that reads
    /// nothing does not get them anyhow, and one that reads again gets the close frame after them.
    pub(super) fn overflow(self: &Arc<Self>, inner: &mut Inner) {
        if !inner.session.is_open() {
            return;
        }
        self.service.log("error", || {
            format!(
                "Session closed: its client has left {} bytes unread",
                inner.buffered()
            )
        });
        inner.overflowed = true;
        for outlet in inner.outlets() {
            outlet.cut();
        }
        inner.session.overflow();
        self.settle(inner, Instant::now());
        if inner.session.receiver() == Some(Transport::WebsocketRaw) {
            self.close_websocket(inner, 1008, Some(b"Client too slow"));
        }
    }

    /// What has been sent has left; tells the application if it waits for that.
    pub fn drained(&self) {
        self.tell_drained(&mut lock(&self.inner));
    }

    fn tell_drained(&self, inner: &mut Inner) {
        // What waits for a receiver has yet to leave.
        if inner.wants_drain && inner.session.queued() == 0 {
            inner.wants_drain = false;
            if inner.session.is_open() {
                self.engine().events.push(Event::Drain(self.key));
            }
        }
    }

    /// Bytes that the client has not taken.
    pub fn buffered(&self) -> usize {
        lock(&self.inner).buffered()
    }

    /// Whoever waits for `'drain'` learns of it when the bytes of this outlet have left.
    pub(super) fn watch_drain(self: &Arc<Self>, inner: &mut Inner, outlet: &Outlet) {
        // Another thread may have sent them already.
        if inner.wants_drain && !outlet.notify_drain(self) {
            self.tell_drained(inner);
        }
    }
}

impl Inner {
    /// All outlets with bytes of this session, that of the receiver first, then the latest.
    pub(super) fn outlets(&self) -> impl Iterator<Item = Arc<Outlet>> {
        let leaving = self.leaving.iter().rev().filter_map(Weak::upgrade);
        self.outlet().cloned().into_iter().chain(leaving)
    }

    /// The response of this outlet is over.
    pub(super) fn leaves(&mut self, outlet: &Arc<Outlet>) {
        let has_bytes = |outlet: &Weak<Outlet>| {
            let outlet = outlet.upgrade();
            outlet.is_some_and(|outlet| outlet.buffered() > 0)
        };
        self.leaving.retain(has_bytes);
        self.leaving.push(Arc::downgrade(outlet));
    }

    /// Bytes that have not left: queued, or in an outlet.
    pub(super) fn buffered(&self) -> usize {
        let leaving: usize = self.outlets().map(|outlet| outlet.buffered()).sum();
        self.session.queued() + leaving
    }
}
