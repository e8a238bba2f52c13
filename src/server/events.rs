//! Events for the application, queued in batches until the JavaScript thread drains them.

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::socket::Traffic;
use super::taken_sockets::Returned;
use crate::lock;
use crate::protocol::json::Messages;
use crate::protocol::transport::Transport;

/// The request with which a client receives, as far as `Connection` shows it to the application.
#[derive(Debug)]
pub enum RequestInfo {
    /// JavaScript has the request object.
    Node {
        /// Its number in JavaScript.
        id: u32,
        /// The transport of the request.
        transport: Transport,
    },
    /// Rust has read the request.
    Request {
        /// The taken socket on which it came.
        taken_id: u32,
        /// `{url, pathname, protocol, headers}`. JavaScript parses it when the application reads one of them.
        json: String,
        /// The request with all of its headers, in latin1 ([`super::head::Head::whole`]), if JavaScript may
        /// ask for it, which it can only while it handles the event.
        whole: Option<Vec<u8>>,
    },
}

/// A message. Its contents are in the buffers of its batch.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    /// The key of its connection.
    pub key: u32,
    /// Its form, which says in which buffer it is.
    pub form: Form,
    /// The index in that buffer where it begins.
    pub start: usize,
    /// The index after its end.
    pub end: usize,
}

/// Forms of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A string of ASCII characters only, in `EventBatch::bytes`.
    Ascii,
    /// A string that may have other characters, in `EventBatch::wide`.
    Wide,
    /// A value that is not a string: JSON text in `EventBatch::bytes`.
    Value,
    /// Binary, in `EventBatch::bytes`.
    Binary,
}

/// One thing that happened. A `key` names a connection.
#[derive(Debug)]
pub enum Event {
    /// A session opened.
    Open {
        /// The key of the new connection.
        key: u32,
        /// The service that it belongs to.
        service: u32,
        /// The [`Connection`](super::connection::Connection) itself. The queue only passes it on: it does not know
        /// that type, because connections use the queue.
        connection: Arc<dyn Any + Send + Sync>,
        /// The request that opened it.
        request_info: RequestInfo,
    },
    /// Another request receives for the session.
    Attached {
        /// The connection of the session.
        key: u32,
        /// The request.
        request_info: RequestInfo,
    },
    /// The client has sent something.
    Message(Message),
    /// The client has ended its websocket. JavaScript has to call `Connection::finish_client_close`.
    ClientClose(u32),
    /// The server began to close the session by itself.
    Closing(u32),
    /// The session is over. The key is free once this has been handled.
    Closed(u32),
    /// All bytes that waited for the client have left, so the application may write more.
    Drain(u32),
    /// Bytes wait in the send buffer with this id, which JavaScript writes.
    Output(u32),
    /// A taken socket has ended. JavaScript has to destroy its own socket object.
    Ended {
        /// Its id.
        taken_id: u32,
        /// What the socket has read and written.
        traffic: Traffic,
    },
    /// A taken HTTP connection goes back to Node.
    Returned(Returned),
    /// A service was removed from an http server, and its last request there is over.
    Left(u32),
    /// A line for the service's `log` function.
    Log {
        /// The service that logs.
        service: u32,
        /// How serious it is.
        severity: Severity,
        /// The line.
        line: String,
    },
}

/// How serious a line for the `log` function is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// A request.
    Info,
    /// Something failed.
    Error,
}

impl Severity {
    /// All of them, by their numbers.
    pub const ALL: [Self; 2] = [Self::Info, Self::Error];

    /// The first argument of the `log` function.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Error => "error",
        }
    }
}

impl Event {
    /// The key of the connection that the event is about, if it is about one.
    pub fn key(&self) -> Option<u32> {
        match self {
            Self::Message(message) => Some(message.key),
            Self::Open { key, .. }
            | Self::Attached { key, .. }
            | Self::ClientClose(key)
            | Self::Closing(key)
            | Self::Closed(key)
            | Self::Drain(key) => Some(*key),
            Self::Output(_)
            | Self::Ended { .. }
            | Self::Returned(_)
            | Self::Left(_)
            | Self::Log { .. } => None,
        }
    }

    /// Bytes that the event holds on the heap.
    fn held(&self) -> usize {
        match self {
            Self::Open { request_info, .. } | Self::Attached { request_info, .. } => {
                match request_info {
                    RequestInfo::Request { json, whole, .. } => {
                        json.len() + whole.as_ref().map_or(0, Vec::len)
                    }
                    RequestInfo::Node { .. } => 0,
                }
            }
            Self::Returned(returned) => returned.bytes.len(),
            Self::Log { line, .. } => line.len(),
            _ => 0,
        }
    }
}

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
    held: usize,
    /// When the first of the events came.
    since: Option<Instant>,
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
    fn weight(&self) -> usize {
        let events = self.events.len() * EVENT_WEIGHT + self.held;
        self.bytes.len() + 2 * self.wide.len() + events
    }

    fn mark(&self) -> (usize, usize, usize) {
        (self.events.len(), self.bytes.len(), self.wide.len())
    }

    fn rewind(&mut self, (events, bytes, wide): (usize, usize, usize)) {
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

impl Inbox<'_> {
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

/// Wakes the JavaScript thread, which then drains the queue. Called from any thread.
pub trait Waker: fmt::Debug + Send + Sync {
    /// Must not block.
    fn wake(&self);
}

/// The queue between the threads that do network work and the JavaScript thread.
#[derive(Debug)]
pub struct EventQueue {
    // A std Mutex: held while one payload is decoded into the batch, never across an await.
    batch: Mutex<EventBatch>,
    len: AtomicUsize,
    weight: AtomicUsize,
    /// The waker has been called, and JavaScript has not drained the queue since.
    notified: AtomicBool,
    waker: Box<dyn Waker>,
    drained: Notify,
}

/// This many events wake JavaScript even while the I/O thread is busy.
const WAKE_AT: usize = 256;
/// While more bytes than this wait, the I/O threads do not read from clients and do not answer their requests.
const FULL_AT: usize = 16 << 20;
/// Bytes that each event counts for, besides those that it holds. So not many more than 16,384 events wait:
/// JavaScript has to handle all of them before it gets to a new one.
const EVENT_WEIGHT: usize = 1 << 10;

impl EventQueue {
    /// An empty queue.
    pub fn new(waker: Box<dyn Waker>) -> Self {
        Self {
            batch: Mutex::default(),
            len: AtomicUsize::new(0),
            weight: AtomicUsize::new(0),
            notified: AtomicBool::new(false),
            waker,
            drained: Notify::new(),
        }
    }

    /// Adds one event. JavaScript is woken when the I/O thread is about to sleep, or when [`WAKE_AT`] events
    /// wait.
    pub fn push(&self, event: Event) {
        let mut batch = lock(&self.batch);
        batch.held += event.held();
        batch.events.push(event);
        self.pushed(&mut batch);
    }

    /// Adds messages for the connection `key`. Adds none of them if `fill` fails, or if they are not `wanted`.
    pub fn push_messages<E>(
        &self,
        key: u32,
        wanted: bool,
        fill: impl FnOnce(&mut Inbox<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut batch = lock(&self.batch);
        let mark = batch.mark();
        let filled = fill(&mut Inbox {
            batch: &mut batch,
            key,
        });
        if filled.is_err() || !wanted {
            batch.rewind(mark);
        }
        self.pushed(&mut batch);
        filled
    }

    fn pushed(&self, batch: &mut EventBatch) {
        if !batch.events.is_empty() {
            batch.since.get_or_insert_with(Instant::now);
        }
        self.len.store(batch.events.len(), Ordering::Relaxed);
        self.weight.store(batch.weight(), Ordering::Relaxed);
        if batch.events.len() >= WAKE_AT {
            self.wake();
        }
    }

    /// Whether no events wait.
    pub fn is_empty(&self) -> bool {
        self.len.load(Ordering::Relaxed) == 0
    }

    /// Wakes JavaScript if events wait and it has not been woken for them yet.
    pub fn wake_if_waiting(&self) {
        if !self.is_empty() {
            self.wake();
        }
    }

    fn wake(&self) {
        if !self.notified.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }

    /// Moves all waiting events to `into`. The buffers that `into` had are emptied, and take the next events.
    pub fn drain(&self, into: &mut EventBatch) {
        into.clear();
        // Before the swap, because an event that is pushed after the swap has to wake JavaScript again.
        self.notified.store(false, Ordering::Release);
        let mut batch = lock(&self.batch);
        std::mem::swap(&mut *batch, into);
        self.len.store(0, Ordering::Relaxed);
        let was_full = self.weight.swap(0, Ordering::Relaxed) > FULL_AT;
        drop(batch);
        if was_full {
            self.drained.notify_waiters();
        }
    }

    /// Whether JavaScript has let events wait for longer than `limit`.
    pub fn has_waited_for(&self, limit: Duration, now: Instant) -> bool {
        let since = lock(&self.batch).since;
        since.is_some_and(|since| now.saturating_duration_since(since) > limit)
    }

    /// Waits while more than [`FULL_AT`] bytes wait for JavaScript: nothing should be read from clients then.
    pub async fn room(&self) {
        while self.weight.load(Ordering::Relaxed) > FULL_AT {
            let drained = self.drained.notified();
            if self.weight.load(Ordering::Relaxed) > FULL_AT {
                drained.await;
            }
        }
    }

    /// Whether [`EventQueue::room`] would wait.
    pub fn is_full(&self) -> bool {
        self.weight.load(Ordering::Relaxed) > FULL_AT
    }
}

#[cfg(test)]
#[path = "events_tests.rs"]
mod tests;
