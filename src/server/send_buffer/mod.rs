//! Bytes that wait for one client. Any thread may write them, and any thread may flush them.

mod take;

use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex, Weak};
use std::task::Waker;

use bytes::Bytes;

use super::events::{Event, EventQueue};
use super::frames::Frames;
use super::io::{Flush, Io};
use super::socket::Socket;
use crate::byte_queue::{ByteQueue, SHARE_FROM};
use crate::{lock, may_panic};
pub use take::Take;

/// Where the bytes go.
#[derive(Debug)]
pub enum Destination {
    /// A websocket on a taken socket.
    Socket(Arc<Socket>, Arc<Io>),
    /// A response body that hyper polls, and the socket that it is for.
    Body(Arc<Socket>, Arc<Io>),
    /// JavaScript, which writes to the websocket of this id.
    Node(u32, Arc<EventQueue>),
    /// JavaScript, which writes the response body of this id.
    NodeBody(u32, Arc<EventQueue>),
}

/// Learns that all bytes of a send buffer have left.
pub trait DrainListener: Send + Sync {
    /// All bytes have left. Called without a lock.
    fn drained(&self);
}

/// One direction of one client: a response body or the sending side of a websocket.
#[derive(Debug)]
pub struct SendBuffer {
    // A std Mutex: held for the appending of one frame or one `send`, never across an await.
    state: Mutex<State>,
    destination: Destination,
}

#[derive(Debug, Default)]
struct State {
    out: ByteQueue,
    /// The last flush was large: use a large buffer again.
    large: bool,
    /// Bytes that the destination has taken and may not have sent yet.
    taken: usize,
    /// The frames of a response body in `out`: each write is one.
    frames: Frames,
    end: End,
    /// A flush is due: the I/O thread has this in its list, or an `Event::Output` is in the event queue.
    marked: bool,
    /// The socket's buffer is full. The reactor reports when the socket can be written again.
    blocked: bool,
    /// Whom to notify when all bytes have left.
    drain: Option<Weak<dyn DrainListener>>,
    waker: Option<Waker>,
}

/// Whether more bytes may follow `out`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum End {
    #[default]
    NotYet,
    /// Nothing follows.
    Reached,
    /// The client was given up, and the waiting bytes were dropped.
    Aborted,
    /// Like `Aborted`, because of a panic.
    Failed,
}

/// Capacity in bytes that an emptied buffer may keep. A larger one goes to the pool, or is freed.
const KEEP_CAPACITY: usize = 4096;
/// Bytes of a response body that its destination gets at once. A single frame may be larger.
const BATCH: usize = 64 << 10;
/// The number of slices that one system call writes at most. Shared writes are long, so more would not help.
const MAX_PARTS: usize = 16;

impl SendBuffer {
    /// A send buffer with nothing in it.
    pub fn new(destination: Destination) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            destination,
        })
    }

    /// Appends bytes and marks the send buffer for the next flush; after the end it does nothing. Returns how
    /// many bytes have not left.
    pub fn write(self: &Arc<Self>, append: impl FnOnce(&mut Vec<u8>)) -> usize {
        let mut state = lock(&self.state);
        if !state.has_ended() {
            if let Destination::Socket(_, io) = &self.destination
                && state.large
                && !state.out.has_room()
            {
                state.out.lend(io.buffer_pool().take());
            }
            let len = state.out.write(append);
            if self.is_body() {
                state.frames.push(len);
            }
            self.mark(&mut state);
        }
        state.waiting()
    }

    /// As [`SendBuffer::write`], for bytes that other send buffers get too. Long ones are not copied.
    pub fn write_shared(self: &Arc<Self>, bytes: &Bytes) -> usize {
        if bytes.len() < SHARE_FROM {
            return self.write(|out| out.extend_from_slice(bytes));
        }
        let mut state = lock(&self.state);
        if !state.has_ended() {
            state.out.write_shared(bytes.clone());
            if self.is_body() {
                state.frames.push(bytes.len());
            }
            self.mark(&mut state);
        }
        state.waiting()
    }

    /// Drops bytes that wait for a client that takes nothing. The first ones stay: for a websocket those up to
    /// the next boundary, so that no write is cut; for a response body whole frames of up to [`BATCH`] bytes.
    pub fn truncate_at_boundary(&self) {
        let mut state = lock(&self.state);
        if self.is_body() {
            let (count, len) = state.frames.within(BATCH);
            state.frames.truncate(count);
            state.out.truncate(len);
        } else {
            state.out.truncate_at_boundary();
        }
    }

    /// Marks the end: nothing follows. Idempotent.
    pub fn end(self: &Arc<Self>) {
        let mut state = lock(&self.state);
        if !state.has_ended() {
            state.end = End::Reached;
            self.mark(&mut state);
        }
    }

    /// Gives up the client, and drops the bytes that have not left.
    pub fn abort(self: &Arc<Self>) {
        let mut state = lock(&self.state);
        self.reset(&mut state);
        state.taken = 0;
        if state.end != End::Failed {
            state.end = End::Aborted;
        }
        match &self.destination {
            Destination::Socket(socket, _) | Destination::Body(socket, _) => socket.shutdown(),
            Destination::Node(..) | Destination::NodeBody(..) => {
                state.marked = false;
                self.mark(&mut state);
            }
        }
    }

    /// Whether [`SendBuffer::fail`] has been called.
    pub fn has_failed(&self) -> bool {
        lock(&self.state).end == End::Failed
    }

    fn mark(self: &Arc<Self>, state: &mut State) {
        if state.marked {
            return;
        }
        state.marked = true;
        match &self.destination {
            Destination::Node(id, events) | Destination::NodeBody(id, events) => {
                events.push(Event::Output(*id));
            }
            Destination::Socket(_, io) | Destination::Body(_, io) => io.mark(self.clone()),
        }
    }

    /// Bytes that have not left, including those that the destination has taken but not sent.
    pub fn buffered(&self) -> usize {
        lock(&self.state).waiting()
    }

    /// Whether nothing can be added any more: the end was marked, the client was given up, or the socket is
    /// gone.
    pub fn has_ended(&self) -> bool {
        lock(&self.state).has_ended()
    }

    /// Calls [`DrainListener::drained`] when all bytes have left. Returns false, and does not call it, if none wait.
    pub fn notify_drain<L: DrainListener + 'static>(&self, listener: &Arc<L>) -> bool {
        let mut state = lock(&self.state);
        let waits = !state.has_drained();
        if waits {
            let listener = Arc::downgrade(listener);
            state.drain = Some(listener);
        }
        waits
    }

    /// Whether the client of a response on a taken socket has left. The reader of the socket may not have
    /// noticed yet.
    pub fn is_client_gone(&self) -> bool {
        matches!(&self.destination, Destination::Body(socket, _) if socket.has_ended())
    }

    fn is_body(&self) -> bool {
        matches!(
            self.destination,
            Destination::Body(..) | Destination::NodeBody(..)
        )
    }

    /// The socket may be writable again.
    pub fn unblock(&self) {
        if std::mem::take(&mut lock(&self.state).blocked) {
            self.flush();
        }
    }

    /// Whether the client was given up.
    pub fn is_aborted(&self) -> bool {
        matches!(lock(&self.state).end, End::Aborted | End::Failed)
    }

    /// Sends as much as the socket takes now.
    fn send(&self, state: &mut State, socket: &Socket) {
        while !state.out.is_empty() {
            match write_to(socket, &state.out) {
                Ok(sent) => state.out.advance(sent),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    state.out.compact();
                    state.blocked = true;
                    return;
                }
                // The socket is gone; its reader notices it too.
                Err(_) => {
                    self.reset(state);
                    state.end = End::Reached;
                    return;
                }
            }
        }
        self.reset(state);
        if state.has_ended() {
            // The reader of the socket sees the end and drops the socket.
            socket.shutdown();
        }
    }

    /// Empties the buffer. A large one goes to the pool or is freed, so that an idle client costs little.
    fn reset(&self, state: &mut State) {
        state.large = state.out.own_len() > KEEP_CAPACITY;
        state.frames = Frames::default();
        let emptied = state.out.clear();
        if emptied.capacity() <= KEEP_CAPACITY {
            state.out.lend(emptied);
        } else if let Destination::Socket(_, io) = &self.destination {
            io.buffer_pool().give(emptied);
        }
    }
}

impl Flush for SendBuffer {
    /// Sends what a websocket's socket takes, or wakes the task that writes a response body. Does nothing for
    /// JavaScript, which calls [`SendBuffer::take`].
    fn flush(&self) {
        let mut state = lock(&self.state);
        state.marked = false;
        match &self.destination {
            Destination::Socket(socket, io) => {
                if state.blocked {
                    return;
                }
                may_panic("flush");
                self.send(&mut state, socket);
                if state.blocked {
                    io.reactor().watch_writable(socket);
                }
                let drain = state.take_drain();
                drop(state);
                notify(drain);
            }
            Destination::Body(..) => {
                let waker = state.waker.take();
                drop(state);
                if let Some(waker) = waker {
                    waker.wake();
                }
            }
            Destination::Node(..) | Destination::NodeBody(..) => {}
        }
    }

    /// Gives up the client because of a panic.
    fn fail(&self) {
        let mut state = lock(&self.state);
        let waker = state.waker.take();
        *state = State {
            end: End::Failed,
            ..State::default()
        };
        drop(state);
        if let Destination::Socket(socket, _) = &self.destination {
            // The reader of the socket sees the end and drops the socket.
            socket.shutdown();
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Writes with one system call. Returns the number of bytes that the kernel has taken.
fn write_to(socket: &Socket, out: &ByteQueue) -> io::Result<usize> {
    if out.is_plain() {
        return socket.try_write(out.chunk());
    }
    let mut parts = [IoSlice::new(&[]); MAX_PARTS];
    let count = out.slices(&mut parts);
    socket.try_write_parts(&parts[..count])
}

impl State {
    fn has_ended(&self) -> bool {
        self.end != End::NotYet
    }

    /// Bytes that have not left, including those that the destination may not have sent yet.
    fn waiting(&self) -> usize {
        self.out.len() + self.taken
    }

    fn has_drained(&self) -> bool {
        self.out.is_empty() && self.taken == 0
    }

    fn take_drain(&mut self) -> Option<Weak<dyn DrainListener>> {
        if self.has_drained() {
            self.drain.take()
        } else {
            None
        }
    }
}

fn notify(listener: Option<Weak<dyn DrainListener>>) {
    if let Some(listener) = listener.and_then(|weak| weak.upgrade()) {
        listener.drained();
    }
}
