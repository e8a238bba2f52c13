//! What the application has to be told, queued in batches until the JavaScript thread drains it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::connection::Connection;
use super::socket::Traffic;
use super::taken_sockets::Returned;
use crate::lock;
use crate::protocol::json::Messages;
use crate::transport::Transport;

/// The request by which a client receives, as far as `Connection` shows it to the application.
#[derive(Debug)]
pub enum RequestInfo {
    /// JavaScript has the request object.
    Node {
        /// Under this number.
        id: u32,
        /// How it receives.
        transport: Transport,
    },
    /// The request was read here.
    Request {
        /// The taken socket that it came by.
        taken_id: u32,
        /// `{url, pathname, protocol, headers}`, for JavaScript to parse if somebody looks at it.
        json: String,
        /// The request with all of its headers, in latin1 ([`super::dispatch::Head::whole`]), if JavaScript may
        /// ask for it. It is gone with the event.
        whole: Option<Vec<u8>>,
    },
}

/// A message, whose text is in the batch that it came with.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    /// The connection's.
    pub key: u32,
    /// What it is and where.
    pub form: Form,
    /// Where it begins there.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

/// Forms of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A string of ASCII characters only, in `EventBatch::bytes`.
    Ascii,
    /// Any other string, in `EventBatch::wide`.
    Wide,
    /// No string: JSON text in `EventBatch::bytes`.
    Value,
    /// Binary, in `EventBatch::bytes`.
    Binary,
}

/// One thing that happened. `key` is the connection's.
#[derive(Debug)]
pub enum Event {
    /// A session opened.
    Open {
        /// The new connection.
        connection: Arc<Connection>,
        /// The request that opened it.
        request_info: RequestInfo,
    },
    /// Another request receives for the session.
    Attached {
        /// Whose.
        key: u32,
        /// The request.
        request_info: RequestInfo,
    },
    /// The client has sent something.
    Message(Message),
    /// The client has ended its websocket; `Connection::finish_client_close` is due.
    ClientClose(u32),
    /// The server began to close the session by itself.
    Closing(u32),
    /// The session is over. The key is free once this has been handled.
    Closed(u32),
    /// Enough has left for more to be written.
    Drain(u32),
    /// Bytes wait in a send buffer that JavaScript writes.
    Output(u32),
    /// A taken socket has ended: its socket in JavaScript is to be destroyed.
    Ended {
        /// Its id.
        taken_id: u32,
        /// What the socket has read and written.
        traffic: Traffic,
    },
    /// A taken HTTP connection goes back to Node.
    Returned(Returned),
    /// A service has been taken off an http server, and no request that came to it there is under way.
    Left(u32),
    /// A line for the listener's `log`.
    Log {
        /// The service that logs.
        service: u32,
        /// `error`, `info` or `debug`.
        severity: &'static str,
        /// The line.
        line: String,
    },
}

impl Event {
    /// The connection that it is about, if it is about one.
    pub fn key(&self) -> Option<u32> {
        match self {
            Self::Open { connection, .. } => Some(connection.key()),
            Self::Message(message) => Some(message.key),
            Self::Attached { key, .. }
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

    /// Bytes that it holds besides its own size.
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

/// Events in order, with the text of the messages in two shared buffers.
#[derive(Debug, Default)]
pub struct EventBatch {
    /// In the order in which they happened.
    pub events: Vec<Event>,
    /// ASCII and binary messages, JSON texts.
    pub bytes: Vec<u8>,
    /// UTF-16 messages.
    pub wide: Vec<u16>,
    /// Bytes that the events hold themselves.
    held: usize,
    /// When the first of the events came.
    since: Option<Instant>,
    /// How often in a row each of the three buffers was emptied without having needed the room it has.
    unneeded: [usize; 3],
}

/// Bytes up to which an emptied buffer stays as it is.
const KEEP_CAPACITY: usize = 1 << 20;
/// So often in a row may up to [`LARGE`] go unused before it is given back. Batches differ in size, and new
/// room costs more than the copying into it.
const PATIENCE: usize = 16;
/// More bytes than this are given back the first time: they were for a burst, or for one huge message.
const LARGE: usize = 4 << 20;

/// Empties a buffer, and gives back what it did not need.
fn empty<T>(buffer: &mut Vec<T>, unneeded: &mut usize) {
    let room = buffer.capacity() * size_of::<T>();
    let is_used = buffer.len() >= buffer.capacity() / 4;
    buffer.clear();
    if is_used || room <= KEEP_CAPACITY {
        *unneeded = 0;
        return;
    }
    *unneeded += 1;
    if room > LARGE || *unneeded > PATIENCE {
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

    /// Bytes of memory for this batch. An event counts as [`LEAST`] bytes or more, because later events wait until
    /// JavaScript has handled it.
    fn weight(&self) -> usize {
        let events = self.events.len() * LEAST + self.held;
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

    /// A text message as it is.
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
pub trait Waker: Send + Sync {
    /// Must not block.
    fn wake(&self);
}

/// The queue between the threads that do network work and the JavaScript thread.
pub struct EventQueue {
    // A std Mutex: held while one payload is decoded into the batch, never across an await.
    batch: Mutex<EventBatch>,
    len: AtomicUsize,
    weight: AtomicUsize,
    /// Rung and not yet answered.
    notified: AtomicBool,
    waker: Box<dyn Waker>,
    drained: Notify,
}

/// Rings at this many events even when the I/O thread does not come to rest.
const RING_AT: usize = 256;
/// Above this many bytes the I/O threads stop reading from clients, and answering their requests, until
/// JavaScript has caught up.
const FULL_AT: usize = 16 << 20;
/// So that there are never much more than 16,384 of them.
const LEAST: usize = 1 << 10;

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

    /// Adds one event. JavaScript is woken when the I/O thread comes to rest.
    pub fn push(&self, event: Event) {
        let mut batch = lock(&self.batch);
        batch.held += event.held();
        batch.events.push(event);
        self.pushed(&mut batch);
    }

    /// Adds messages for the connection `key`; all of them, or none when `fill` fails or they are not
    /// `wanted`.
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
        if batch.events.len() >= RING_AT {
            self.wake();
        }
    }

    /// Whether anything waits.
    pub fn is_empty(&self) -> bool {
        self.len.load(Ordering::Relaxed) == 0
    }

    /// Rings when something waits and nobody has been called yet.
    pub fn ring_if_waiting(&self) {
        if !self.is_empty() {
            self.wake();
        }
    }

    fn wake(&self) {
        if !self.notified.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }

    /// Takes what waits in exchange for an empty batch.
    pub fn drain(&self, into: &mut EventBatch) {
        into.clear();
        // Before the swap: what is pushed after it has to wake it again.
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

    /// Waits while JavaScript is so far behind that no more should be read from clients.
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
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct CountingWaker(Arc<AtomicUsize>);

    impl Waker for CountingWaker {
        fn wake(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn queue() -> (EventQueue, CountingWaker) {
        let waker = CountingWaker::default();
        (EventQueue::new(Box::new(waker.clone())), waker)
    }

    fn say(queue: &EventQueue, text: &str) {
        let said: Result<(), ()> = queue.push_messages(1, true, |inbox| {
            inbox.text(text);
            Ok(())
        });
        said.unwrap();
    }

    #[test]
    fn one_ring_announces_any_number_of_events() {
        let (queue, waker) = queue();
        say(&queue, "a");
        say(&queue, "b");
        assert_eq!(waker.0.load(Ordering::Relaxed), 0);
        queue.ring_if_waiting();
        queue.ring_if_waiting();
        assert_eq!(waker.0.load(Ordering::Relaxed), 1);
        let mut batch = EventBatch::default();
        queue.drain(&mut batch);
        assert_eq!(batch.events.len(), 2);
        assert_eq!(batch.bytes, b"ab");
        queue.ring_if_waiting();
        assert_eq!(waker.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_busy_thread_still_rings_after_a_while() {
        let (queue, waker) = queue();
        for _ in 0..RING_AT {
            say(&queue, "x");
        }
        assert_eq!(waker.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_broken_payload_leaves_nothing_behind() {
        let (queue, _bell) = queue();
        say(&queue, "before");
        let broken = queue.push_messages(1, true, |inbox| {
            inbox.text("half");
            inbox.text("é");
            Err("broken")
        });
        assert_eq!(broken, Err("broken"));
        let mut batch = EventBatch::default();
        queue.drain(&mut batch);
        assert_eq!(batch.bytes, b"before");
        assert!(batch.wide.is_empty());
    }

    #[test]
    fn a_buffer_goes_when_it_was_not_needed_for_a_while() {
        let mut batch = EventBatch {
            bytes: vec![0; LARGE],
            ..EventBatch::default()
        };
        batch.clear();
        for _ in 0..PATIENCE {
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
    fn a_large_buffer_goes_as_soon_as_it_is_not_needed() {
        let mut batch = EventBatch {
            wide: vec![0; LARGE],
            ..EventBatch::default()
        };
        batch.clear();
        assert_eq!(batch.wide.capacity(), LARGE);
        batch.clear();
        assert!(batch.wide.capacity() <= KEEP_CAPACITY);
    }

    #[test]
    fn reading_stops_while_javascript_is_far_behind() {
        let (queue, _bell) = queue();
        say(&queue, &"x".repeat(FULL_AT + 1));
        assert!(queue.is_full());
        queue.drain(&mut EventBatch::default());
        assert!(!queue.is_full());
    }
}
