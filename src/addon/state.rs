//! What the JavaScript thread knows: connections by key, and the batch that is being drained.

use std::any::Any;
use std::sync::Arc;

use super::uv_poll::UvPoll;
use crate::server::Runtime;
use crate::server::connection::Connection;
use crate::server::events::{Event, EventBatch};

/// Used on the JavaScript thread only.
#[derive(Debug)]
pub(super) struct State {
    pub(super) runtime: Arc<Runtime>,
    /// Index is the key. The table needs no lock: only this thread uses it.
    connections: Vec<Option<Arc<Connection>>>,
    batch: EventBatch,
    /// Events of the batch that have been drained.
    drained: usize,
    /// Whole requests behind events in the table which JavaScript is handling, by row in ascending order.
    requests: Vec<(u32, Vec<u8>)>,
    /// Keys of connections that were opened in it.
    opened: Vec<u32>,
    /// Keys of connections that ended in the table which JavaScript is handling.
    ended: Vec<u32>,
    /// JavaScript handles a single event and has not written yet.
    pub(super) handles_one: bool,
    /// Buffer for the strings that JavaScript writes.
    pub(super) units: Vec<u16>,
    /// None before the first taken websocket, and where it cannot be.
    pub(super) uv_poll: Option<UvPoll>,
}

/// A longer string than this does not leave its buffer behind.
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
            ended: Vec::new(),
            handles_one: false,
            units: Vec::new(),
            uv_poll: None,
        }
    }

    /// The connection of this key, if it is open as far as JavaScript has been told.
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
        let place = self.connections.get_mut(key as usize);
        if let Some(connection) = place.and_then(Option::take) {
            // The event that says so may stand before this one in the table, where JavaScript finds it
            // when the key is gone. What the application would say to the client is over anyhow.
            connection.finish_client_close();
        }
        self.ended.push(key);
    }

    /// Keeps the request behind the event of this row as long as the table.
    pub(super) fn keep_request(&mut self, row: u32, request: Option<Vec<u8>>) {
        self.requests.extend(request.map(|request| (row, request)));
    }

    /// JavaScript is about to be told of this connection.
    pub(super) fn opened(&mut self, key: u32) {
        self.opened.push(key);
    }

    /// The request behind the event in this row.
    pub(super) fn request(&self, row: u32) -> Option<&[u8]> {
        let index = self.requests.binary_search_by_key(&row, |(row, _)| *row);
        Some(&self.requests[index.ok()?].1)
    }

    /// JavaScript has handled all that it was given: keys that ended with it are free. Not sooner, or a
    /// listener could write to an old connection and reach a new one.
    pub(super) fn handled(&mut self) {
        self.requests.clear();
        for key in self.opened.drain(..) {
            if let Some(Some(connection)) = self.connections.get(key as usize) {
                connection.announced();
            }
        }
        for key in self.ended.drain(..) {
            self.runtime.keys.give(key);
        }
    }

    /// Lets go of everything, at the end of the environment.
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

    /// Fetches the next batch if the last one is used up.
    pub(super) fn refill(&mut self) {
        if self.drained == self.batch.events.len() {
            self.drained = 0;
            self.runtime.events.drain(&mut self.batch);
            self.units.shrink_to(KEEP_UNITS);
        }
    }

    /// The next event of this batch, and its place. A message stays there until the batch is used up, for
    /// JavaScript to ask for.
    pub(super) fn next_event(&mut self) -> Option<(usize, Event)> {
        let place = self.drained;
        let event = self.batch.events.get_mut(place)?;
        self.drained += 1;
        let event = match event {
            Event::Message(message) => Event::Message(*message),
            // What is left behind holds nothing.
            other => std::mem::replace(other, Event::Drain(0)),
        };
        Some((place, event))
    }
}
