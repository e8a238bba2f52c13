//! What only the JavaScript thread uses: connections by key, and the batch of events that JavaScript handles.

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::uv_poll::UvPoll;
use crate::server::Runtime;
use crate::server::connection::Connection;
use crate::server::events::{Event, EventBatch};
use crate::server::fan_out::{Audience, Member};
use crate::server::rooms::Rooms;

/// Used on the JavaScript thread only, so it needs no lock.
#[derive(Debug)]
pub(super) struct State {
    pub(super) runtime: Arc<Runtime>,
    /// The index is the key.
    connections: Vec<Option<Arc<Connection>>>,
    batch: EventBatch,
    /// The number of events of the batch that `drain` has passed to JavaScript.
    drained: usize,
    /// The whole requests of events in the table that JavaScript handles, with their rows in ascending order.
    requests: Vec<(u32, Vec<u8>)>,
    /// The rows of `Open` events of this table, and the keys of their connections.
    opened: Vec<(u32, u32)>,
    /// How many of these connections broadcasts reach already, if somebody broadcasts.
    admitted: usize,
    /// The keys of connections that ended with events of this table.
    ended: Vec<u32>,
    /// The table has one event, and JavaScript has not written since.
    pub(super) handles_one: bool,
    /// A buffer for strings that JavaScript writes.
    pub(super) units: Vec<u16>,
    /// `None` before the first taken websocket, and if libuv's functions are missing.
    pub(super) uv_poll: Option<UvPoll>,
}

/// UTF-16 units that the buffer `units` keeps. It grows beyond this for one batch at most.
const KEEP_UNITS: usize = 64 << 10;

impl State {
    pub(super) fn new(runtime: Arc<Runtime>) -> Self {
        Self {
            runtime,
            connections: Vec::new(),
            batch: EventBatch::default(),
            drained: 0,
            requests: Vec::new(),
            opened: Vec::new(),
            admitted: 0,
            ended: Vec::new(),
            handles_one: false,
            units: Vec::new(),
            uv_poll: None,
        }
    }

    /// The connection with this key. `None` if JavaScript has been told that it ended.
    pub(super) fn connection(&self, key: u32) -> Option<&Arc<Connection>> {
        self.connections.get(key as usize)?.as_ref()
    }

    /// Keeps the connection of [`Event::Open`].
    pub(super) fn insert(&mut self, key: u32, connection: Arc<dyn Any + Send + Sync>) {
        let index = key as usize;
        if self.connections.len() <= index {
            self.connections.resize(index + 1, None);
        }
        // That event never has anything else.
        self.connections[index] = connection.downcast().ok();
    }

    pub(super) fn remove(&mut self, key: u32) {
        let connection = self.connections.get_mut(key as usize);
        if let Some(connection) = connection.and_then(Option::take) {
            // A `ClientClose` event may be in the same table. When JavaScript handles it, the key is unknown here.
            connection.finish_client_close();
        }
        self.ended.push(key);
    }

    /// Keeps the whole request of the event in a row while JavaScript handles the table.
    pub(super) fn keep_request(&mut self, row: u32, request: Option<Vec<u8>>) {
        self.requests.extend(request.map(|request| (row, request)));
    }

    /// JavaScript gets the `Open` event of this connection in this row of the table.
    pub(super) fn opened(&mut self, row: u32, key: u32) {
        self.opened.push((row, key));
    }

    /// The connections of these rooms whose `'connection'` has been emitted: those of which the table tells before
    /// this row.
    pub(super) fn everyone(&mut self, rooms: &Rooms<Arc<dyn Member>>, row: u32) -> Audience {
        if !rooms.keeps_everyone() {
            rooms.keep_everyone();
            let later = |(at, key): &(u32, u32)| (*at >= row).then_some(*key);
            let later: BTreeSet<u32> = self.opened.iter().filter_map(later).collect();
            for connection in self.connections.iter().flatten() {
                if connection.has_rooms(rooms) && !later.contains(&connection.key()) {
                    connection.admit();
                }
            }
        }
        self.admit_until(row);
        rooms.everyone().unwrap_or_default()
    }

    fn admit_until(&mut self, row: u32) {
        while let Some((at, key)) = self.opened.get(self.admitted)
            && *at < row
        {
            self.admitted += 1;
            if let Some(Some(connection)) = self.connections.get(*key as usize)
                && connection.wants_admission()
            {
                connection.admit();
            }
        }
    }

    /// The whole request of the event in a row.
    pub(super) fn request(&self, row: u32) -> Option<&[u8]> {
        let index = self.requests.binary_search_by_key(&row, |(row, _)| *row);
        Some(&self.requests[index.ok()?].1)
    }

    /// JavaScript has handled the whole table, so the keys of ended connections are free. If they were free earlier, a
    /// listener that writes to an ended connection could reach a new one.
    pub(super) fn handled(&mut self) {
        self.requests.clear();
        self.admit_until(u32::MAX);
        self.admitted = 0;
        for (_, key) in self.opened.drain(..) {
            if let Some(Some(connection)) = self.connections.get(key as usize) {
                connection.announced();
            }
        }
        for key in self.ended.drain(..) {
            self.runtime.keys.give(key);
        }
    }

    /// Drops connections and events, because the runtime ends.
    pub(super) fn clear(&mut self) {
        self.uv_poll = None;
        self.connections.clear();
        self.batch = EventBatch::default();
        self.requests = Vec::new();
        self.drained = 0;
    }

    pub(super) fn batch(&self) -> &EventBatch {
        &self.batch
    }

    /// Fetches the next batch if all events of the last one have been passed on.
    pub(super) fn refill(&mut self) {
        if self.drained == self.batch.events.len() {
            self.drained = 0;
            self.runtime.events.drain(&mut self.batch);
            // Otherwise the last string would keep its buffer.
            self.units.clear();
            self.units.shrink_to(KEEP_UNITS);
        }
    }

    /// The next event of this batch, and its index. Messages stay in the batch, because JavaScript fetches them by their
    /// index.
    pub(super) fn next_event(&mut self) -> Option<(usize, Event)> {
        let index = self.drained;
        let event = self.batch.events.get_mut(index)?;
        self.drained += 1;
        let event = match event {
            Event::Message(message) => Event::Message(*message),
            // Any event that holds nothing.
            other => std::mem::replace(other, Event::Drain(0)),
        };
        Some((index, event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::testing::NoWaker;

    #[test]
    fn a_long_string_does_not_keep_its_buffer() {
        let runtime = Runtime::start(1, 1, Box::new(NoWaker)).unwrap();
        let mut state = State::new(runtime.clone());
        state.units = vec![0; 10 * KEEP_UNITS];
        state.refill();
        assert!(state.units.capacity() <= KEEP_UNITS);
        runtime.stop();
    }
}
