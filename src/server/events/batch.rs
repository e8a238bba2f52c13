//! Events that JavaScript fetches together, and how messages get into them.

use std::time::Instant;

use super::event::{Event, Form, Message};
use crate::protocol::json::Messages;

/// Events in order, with the contents of the messages in two shared buffers.
#[derive(Debug, Default)]
pub struct EventBatch {
    /// In the order in which they happened.
    pub events: Vec<Event>,
    /// ASCII and binary messages, JSON texts.
    pub bytes: Vec<u8>,
    /// UTF-16 messages.
    pub wide: Vec<u16>,
    /// Bytes that the events hold on the heap.
    pub(super) held: usize,
    /// When the first of the events came.
    pub(super) since: Option<Instant>,
    /// For each of the three buffers: how many times in a row it was much larger than needed.
    unneeded: [usize; 3],
}

/// Capacity in bytes that an emptied buffer keeps even if it is not needed.
const KEEP_CAPACITY: usize = 1 << 20;
/// A buffer of up to [`LARGE`] bytes shrinks when it was not needed more times in a row than this. Batches
/// differ in size, and to allocate again costs more than to copy the messages.
const MAX_UNNEEDED: usize = 16;
/// A buffer of more bytes shrinks the first time that it was not needed: it grew for a burst, or for one huge
/// message.
const LARGE: usize = 4 << 20;

/// Bytes that each event counts for, besides those that it holds. So not many more than 16,384 events wait:
/// JavaScript has to handle all of them before it gets to a new one.
const EVENT_WEIGHT: usize = 1 << 10;

/// Empties a buffer, and shrinks it if it was not needed. A quarter in use counts as needed.
fn empty<T>(buffer: &mut Vec<T>, unneeded: &mut usize) {
    let room = buffer.capacity() * size_of::<T>();
    let is_used = buffer.len() >= buffer.capacity() / 4;
    buffer.clear();
    if is_used || room <= KEEP_CAPACITY {
        *unneeded = 0;
        return;
    }
    *unneeded += 1;
    if room > LARGE || *unneeded > MAX_UNNEEDED {
        *unneeded = 0;
        buffer.shrink_to(KEEP_CAPACITY / size_of::<T>());
    }
}

impl EventBatch {
    /// Empties the batch for another use.
    pub fn clear(&mut self) {
        let [events, bytes, wide] = &mut self.unneeded;
        empty(&mut self.events, events);
        empty(&mut self.bytes, bytes);
        empty(&mut self.wide, wide);
        self.held = 0;
        self.since = None;
    }

    /// Bytes of memory for this batch. An event counts as [`EVENT_WEIGHT`] bytes or more, because later events wait until
    /// JavaScript has handled it.
    pub(super) fn weight(&self) -> usize {
        let events = self.events.len() * EVENT_WEIGHT + self.held;
        self.bytes.len() + 2 * self.wide.len() + events
    }

    pub(super) fn mark(&self) -> (usize, usize, usize) {
        (self.events.len(), self.bytes.len(), self.wide.len())
    }

    pub(super) fn rewind(&mut self, (events, bytes, wide): (usize, usize, usize)) {
        self.events.truncate(events);
        self.bytes.truncate(bytes);
        self.wide.truncate(wide);
    }
}

/// Appends the messages of one connection to a batch.
pub struct Inbox<'a> {
    batch: &'a mut EventBatch,
    key: u32,
}

impl<'a> Inbox<'a> {
    pub(super) fn new(batch: &'a mut EventBatch, key: u32) -> Self {
        Self { batch, key }
    }

    /// A binary message.
    pub fn binary(&mut self, message: &[u8]) {
        self.bytes(Form::Binary, message);
    }

    /// A text message of a raw websocket.
    pub fn text(&mut self, message: &str) {
        if message.is_ascii() {
            self.ascii(message.as_bytes());
        } else {
            self.wide(&mut |units| units.extend(message.encode_utf16()));
        }
    }

    fn bytes(&mut self, form: Form, bytes: &[u8]) {
        let start = self.batch.bytes.len();
        self.batch.bytes.extend_from_slice(bytes);
        self.push(form, start, self.batch.bytes.len());
    }

    fn push(&mut self, form: Form, start: usize, end: usize) {
        self.batch.events.push(Event::Message(Message {
            key: self.key,
            form,
            start,
            end,
        }));
    }
}

impl Messages for Inbox<'_> {
    fn ascii(&mut self, text: &[u8]) {
        self.bytes(Form::Ascii, text);
    }

    fn wide(&mut self, fill: &mut dyn FnMut(&mut Vec<u16>)) {
        let start = self.batch.wide.len();
        fill(&mut self.batch.wide);
        self.push(Form::Wide, start, self.batch.wide.len());
    }

    fn value(&mut self, json: &str) {
        self.bytes(Form::Value, json.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_shrinks_when_it_was_not_needed_for_a_while() {
        let mut batch = EventBatch {
            bytes: vec![0; LARGE],
            ..EventBatch::default()
        };
        batch.clear();
        for _ in 0..MAX_UNNEEDED {
            assert_eq!(batch.bytes.capacity(), LARGE);
            batch.bytes.push(0);
            batch.clear();
        }
        assert_eq!(batch.bytes.capacity(), LARGE);
        batch.bytes.push(0);
        batch.clear();
        assert!(batch.bytes.capacity() <= KEEP_CAPACITY);
    }

    #[test]
    fn a_large_buffer_shrinks_as_soon_as_it_is_not_needed() {
        let mut batch = EventBatch {
            wide: vec![0; LARGE],
            ..EventBatch::default()
        };
        batch.clear();
        assert_eq!(batch.wide.capacity(), LARGE);
        batch.clear();
        assert!(batch.wide.capacity() <= KEEP_CAPACITY);
    }
}
