//! The rooms of a connection, and the messages that are published to it.

use std::sync::Arc;

use super::{Connection, Inner, Outgoing, Sent};
use crate::lock;
use crate::protocol::closing::Cause;
use crate::server::fan_out::{Delivery, Member};
use crate::server::publication::Publication;
use crate::server::rooms::{Name, Rooms};

/// Bytes that may wait for a client before volatile messages pass it by, if `high_water_mark` is not set.
const VOLATILE_MARK: usize = 64 << 10;

impl Connection {
    /// Joins a room. Returns false if it is a member already, or is not open.
    pub fn join(self: &Arc<Self>, room: &[u16]) -> bool {
        let mut inner = lock(&self.inner);
        if !inner.session.is_open() {
            return false;
        }
        let Some(name) = self.context.rooms.join(room, self.key, self.clone()) else {
            return false;
        };
        inner.membership.get_or_insert_default().rooms.push(name);
        true
    }

    /// Leaves a room. Returns false if it was no member.
    pub fn leave(&self, room: &[u16]) -> bool {
        let mut inner = lock(&self.inner);
        let Some(membership) = &mut inner.membership else {
            return false;
        };
        // Names of one room are one allocation: so a connection with many rooms need not compare their text.
        let Some(name) = self.context.rooms.name(room) else {
            return false;
        };
        let is_left = |joined: &Name| Arc::ptr_eq(joined, &name);
        let Some(index) = membership.rooms.iter().position(is_left) else {
            return false;
        };
        membership.rooms.remove(index);
        self.context.rooms.leave(room, self.key);
        true
    }

    /// Leaves all rooms.
    pub fn leave_all(&self) {
        self.leave_all_locked(&mut lock(&self.inner));
    }

    /// The rooms that it has joined, in that order.
    pub fn rooms(&self) -> Vec<Name> {
        let inner = lock(&self.inner);
        let membership = inner.membership.as_ref();
        membership.map_or_else(Vec::new, |membership| membership.rooms.clone())
    }

    /// Whether these are the rooms that it can join.
    pub fn has_rooms(&self, rooms: &Rooms<Arc<dyn Member>>) -> bool {
        std::ptr::eq(Arc::as_ptr(&self.context.rooms), rooms)
    }

    /// Whether somebody has broadcast to its rooms, so that [`Connection::admit`] is wanted.
    pub fn wants_admission(&self) -> bool {
        self.context.rooms.keeps_everyone()
    }

    /// From now on a broadcast reaches it.
    pub fn admit(self: &Arc<Self>) {
        let mut inner = lock(&self.inner);
        if inner.session.is_open() {
            inner.membership.get_or_insert_default().is_admitted = true;
            self.context.rooms.admit(self.key, self.clone());
        }
    }

    /// A connection is a member of rooms while it is open.
    pub(super) fn leave_if_closed(&self, inner: &mut Inner) {
        if inner.membership.is_some() && !inner.session.is_open() {
            self.leave_all_locked(inner);
        }
    }

    fn leave_all_locked(&self, inner: &mut Inner) {
        let Some(membership) = inner.membership.take() else {
            return;
        };
        for room in &membership.rooms {
            self.context.rooms.leave(room, self.key);
        }
        if membership.is_admitted {
            self.context.rooms.dismiss(self.key);
        }
    }
}

impl Member for Connection {
    fn key(&self) -> u32 {
        self.key
    }

    fn deliver(self: Arc<Self>, deliveries: &[Arc<Delivery>]) {
        let mut inner = lock(&self.inner);
        for delivery in deliveries {
            if delivery.sequence > inner.delivered {
                inner.delivered = delivery.sequence;
                if delivery.is_for(self.key) {
                    self.send_locked(&mut inner, Outgoing::Published(&delivery.publication));
                }
            }
        }
    }

    fn offer(self: Arc<Self>, publication: &Publication) -> bool {
        let mut inner = lock(&self.inner);
        let mark = self
            .context
            .options
            .high_water_mark
            .unwrap_or(VOLATILE_MARK);
        inner.buffered() <= mark
            && self.send_locked(&mut inner, Outgoing::Published(publication)) != Sent::Refused
    }

    fn fail(self: Arc<Self>) {
        self.end(Cause::Panic);
    }
}
