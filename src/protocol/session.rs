//! One SockJS session as a state machine.
//!
//! Deterministic, without clock and socket: time is an argument. The driver calls an input (`attach`, `detach`, `send`,
//! `close`, `handle_*`), then [`Session::poll_transmit`] until it returns `None`, then [`Session::poll_event`] until it
//! returns `None`, then [`Session::poll_timeout`].

use std::time::{Duration, Instant};

use super::queue::Queue;
use super::transport::Transport;

/// The state of a session. The numbers are those of `conn.readyState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No receiver has attached yet.
    Connecting = 0,
    /// Messages are exchanged.
    Open = 1,
    /// The application or the server has closed it. Each receiver gets the close frame, until the session ends.
    Closing = 2,
    /// It has ended. It sends nothing any more.
    Closed = 3,
}

/// The delays of a session.
#[derive(Clone, Copy, Debug)]
pub struct Delays {
    /// The period of heartbeats while a receiver is attached. Messages do not postpone them.
    pub heartbeat: Duration,
    /// How long a session lives without a receiver.
    pub disconnect: Duration,
    /// How long a websocket may take to answer a heartbeat ping.
    pub pong: Duration,
}

/// Why a receiver left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detach {
    /// It has got all that it gets. On HTTP transports the client is expected to send another request.
    Done,
    /// The client has left before that. The session ends at once.
    Aborted,
}

/// Answer to [`Session::attach`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attach {
    /// It is attached. [`Session::poll_transmit`] returns what to write to it.
    Attached,
    /// Another receiver is attached. Write [`BUSY_FRAME`] to the new one, and end it.
    Busy,
    /// The session has ended. Look it up again, or make a new one.
    Gone,
}

/// Answer to [`Session::send`].
#[derive(Debug)]
pub enum Send<'a> {
    /// The session is not open. `write()` returns false.
    Refused,
    /// A receiver is attached, and no message is queued. Write one `a[…]` frame to it.
    Direct,
    /// No receiver is attached, or other messages are queued. Add the message to the queue.
    Queued(&'a mut Queue),
}

/// What to write to the attached receiver.
#[derive(Debug, PartialEq, Eq)]
pub enum Transmit {
    /// The `o` frame.
    Open,
    /// An `a[…]` frame with all queued messages.
    Messages(Vec<u8>),
    /// The `h` frame.
    Heartbeat,
    /// An empty ping. On websockets with pings it replaces the `h` frame.
    Ping,
    /// The close frame. End the receiver after it, then call `detach(Done)`.
    Close(Vec<u8>),
}

/// What has to be reported to the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The session has opened: `'connection'`.
    Opened,
    /// The server has closed the session by itself. Only the state has changed so far.
    Closing,
    /// The session has ended: `'end'` and `'close'`. Always the last event.
    Closed,
}

/// For a second receiver.
pub const BUSY_FRAME: &[u8] = br#"c[2010,"Another connection still open"]"#;
/// For a client for which more than `max_buffered` waits.
pub const TOO_SLOW_FRAME: &[u8] = br#"c[3001,"Client too slow"]"#;
/// For the client of a websocket that has not answered a heartbeat ping.
pub const NO_HEARTBEAT_FRAME: &[u8] = br#"c[3000,"No response from heartbeat"]"#;

/// The state machine. The module describes the order of calls.
#[derive(Debug)]
pub struct Session {
    state: State,
    receiver: Option<Transport>,
    queue: Queue,
    close_frame: Vec<u8>,
    delays: Delays,
    timer: Timer,
    /// Until then the client has to answer a heartbeat ping.
    pong_deadline: Option<Instant>,
    /// JavaScript was busy while the client had time to answer, so the client gets the whole time once more.
    stalled: bool,
    /// Its websocket has no pings.
    without_pings: bool,
    pending: Pending,
    events: [Option<Event>; 3],
}

/// What a session does next by itself, and when.
#[derive(Clone, Copy, Debug)]
enum Timer {
    /// Nothing: it has ended, or its receiver is a raw websocket.
    Off,
    /// It sends a heartbeat to the attached receiver.
    Heartbeat(Instant),
    /// It ends, because no receiver is attached.
    Disconnect(Instant),
}

impl Timer {
    fn deadline(self) -> Option<Instant> {
        match self {
            Self::Off => None,
            Self::Heartbeat(at) | Self::Disconnect(at) => Some(at),
        }
    }
}

/// The frames that the attached receiver still has to get, besides the queue.
#[derive(Debug, Default)]
struct Pending {
    open: bool,
    heartbeat: bool,
    close: bool,
}

impl Session {
    /// A session without receiver. It ends like a session whose receiver has left.
    pub fn new(now: Instant, delays: Delays) -> Self {
        Self {
            state: State::Connecting,
            receiver: None,
            queue: Queue::default(),
            close_frame: Vec::new(),
            delays,
            timer: Timer::Disconnect(now + delays.disconnect),
            pong_deadline: None,
            stalled: false,
            without_pings: false,
            pending: Pending::default(),
            events: [None; 3],
        }
    }

    /// Its state.
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether messages of the client reach the application. That does not depend on a receiver.
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// The transport of the attached receiver.
    pub fn receiver(&self) -> Option<Transport> {
        self.receiver
    }

    /// Bytes of the messages that wait for a receiver.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// A receiver asks to be attached.
    pub fn attach(&mut self, now: Instant, transport: Transport) -> Attach {
        if self.state == State::Closed {
            return Attach::Gone;
        }
        if self.receiver.is_some() {
            return Attach::Busy;
        }
        self.receiver = Some(transport);
        self.timer = match transport {
            // Raw websockets have no heartbeats.
            Transport::WebsocketRaw => Timer::Off,
            _ => Timer::Heartbeat(now + self.delays.heartbeat),
        };
        match self.state {
            State::Connecting => {
                self.state = State::Open;
                self.pending.open = transport != Transport::WebsocketRaw;
                self.push_event(Event::Opened);
            }
            State::Closing => self.pending.close = true,
            State::Open | State::Closed => {}
        }
        Attach::Attached
    }

    /// The attached websocket has no pings: its heartbeats are `h` frames, which the client does not answer.
    pub fn beat_without_pings(&mut self) {
        self.without_pings = true;
    }

    fn pings(&self, transport: Transport) -> bool {
        transport == Transport::Websocket && !self.without_pings
    }

    /// The attached receiver has left. Does nothing if none is attached.
    pub fn detach(&mut self, now: Instant, why: Detach) {
        let Some(transport) = self.receiver.take() else {
            return;
        };
        self.pending = Pending::default();
        self.pong_deadline = None;
        if why == Detach::Done && transport.outlives_detach() {
            self.timer = Timer::Disconnect(now + self.delays.disconnect);
        } else {
            self.end();
        }
    }

    /// The application sends a message. Returns what to do with it.
    pub fn send(&mut self) -> Send<'_> {
        match (self.state, self.receiver) {
            (State::Open, Some(_)) if self.queue.is_empty() => Send::Direct,
            (State::Open, _) => Send::Queued(&mut self.queue),
            _ => Send::Refused,
        }
    }

    /// Closes the session with this frame (`c[code,reason]`). Returns false if it was not open. A raw websocket stays
    /// `Closing` until its closing handshake is over.
    pub fn close(&mut self, frame: &[u8]) -> bool {
        if self.state != State::Open {
            return false;
        }
        self.state = State::Closing;
        if self.receiver == Some(Transport::WebsocketRaw) {
            return true;
        }
        self.close_frame = frame.to_vec();
        self.pending.close = self.receiver.is_some();
        true
    }

    /// Too much waits for the client: the queue is dropped, and the session closes.
    pub fn overflow(&mut self) {
        self.queue = Queue::default();
        if self.close(TOO_SLOW_FRAME) {
            self.push_event(Event::Closing);
        }
    }

    /// The client has answered a heartbeat ping.
    pub fn handle_pong(&mut self) {
        self.pong_deadline = None;
        self.stalled = false;
    }

    /// Whether the client should have answered a heartbeat ping by now.
    pub fn is_pong_due(&self, now: Instant) -> bool {
        self.pong_deadline.is_some_and(|at| at <= now)
    }

    /// A pong could not be read, because nothing is read from the client now. The client gets the whole time again.
    pub fn postpone_pong(&mut self, now: Instant) {
        if let Some(at) = &mut self.pong_deadline {
            *at = now + self.delays.pong;
        }
    }

    /// A pong is due, but JavaScript is busy: perhaps the ping has not been sent, or the pong has not been read. The client
    /// gets the whole time again, and once more when JavaScript is no longer busy.
    pub fn handle_stall(&mut self, now: Instant) {
        self.postpone_pong(now);
        self.stalled = true;
    }

    /// Does what is due. It may be called too early.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.is_pong_due(now) && std::mem::take(&mut self.stalled) {
            self.postpone_pong(now);
        }
        if self.is_pong_due(now) {
            self.pong_deadline = None;
            if self.close(NO_HEARTBEAT_FRAME) {
                self.push_event(Event::Closing);
            }
            return;
        }
        match self.timer {
            Timer::Heartbeat(at) if at <= now => {
                self.timer = Timer::Heartbeat(now + self.delays.heartbeat);
                self.pending.heartbeat = true;
                if self.receiver.is_some_and(|transport| self.pings(transport)) {
                    self.pong_deadline.get_or_insert(now + self.delays.pong);
                }
            }
            Timer::Disconnect(at) if at <= now => self.end(),
            Timer::Off | Timer::Heartbeat(_) | Timer::Disconnect(_) => {}
        }
    }

    /// The next frame for the attached receiver, in the order of 0.3.24: `o`, queued messages, heartbeat, close frame.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        let transport = self.receiver?;
        if std::mem::take(&mut self.pending.open) {
            return Some(Transmit::Open);
        }
        if !self.queue.is_empty() {
            return Some(Transmit::Messages(self.queue.take_frame()));
        }
        if std::mem::take(&mut self.pending.heartbeat) {
            return Some(if self.pings(transport) {
                Transmit::Ping
            } else {
                Transmit::Heartbeat
            });
        }
        if std::mem::take(&mut self.pending.close) {
            return Some(Transmit::Close(self.close_frame.clone()));
        }
        None
    }

    /// The next event for the application.
    pub fn poll_event(&mut self) -> Option<Event> {
        let next = self.events[0].take();
        self.events.rotate_left(1);
        next
    }

    /// When [`Session::handle_timeout`] has to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match (self.timer.deadline(), self.pong_deadline) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Ends the session. All endings come here; the driver calls it only for a session that it gives up.
    pub fn end(&mut self) {
        if self.state == State::Closed {
            return;
        }
        self.state = State::Closed;
        self.receiver = None;
        self.pending = Pending::default();
        self.queue = Queue::default();
        self.timer = Timer::Off;
        self.pong_deadline = None;
        self.push_event(Event::Closed);
    }

    fn push_event(&mut self, event: Event) {
        // Each event happens once, so there is always a free place.
        if let Some(free) = self.events.iter_mut().find(|place| place.is_none()) {
            *free = Some(event);
        }
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
