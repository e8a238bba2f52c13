//! One SockJS session: its state, its queue of messages and its deadlines.
//!
//! Fully deterministic, no clock and no socket: time is an argument. Call order for the driver:
//! an input (`attach`, `detach`, `send`, `close`, `handle_*`), then [`Session::poll_transmit`] until
//! it is empty, then [`Session::poll_event`] until it is empty, then [`Session::poll_timeout`].

use std::time::{Duration, Instant};

use super::queue::Queue;
use super::transport::Transport;

/// What the session is doing; the numbers are those of `conn.readyState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Created, no receiver has been attached yet.
    Connecting = 0,
    /// Messages flow.
    Open = 1,
    /// Closed by the application; every receiver gets the close frame until the session times out.
    Closing = 2,
    /// Over. Nothing leaves the session any more.
    Closed = 3,
}

/// Delays of a session, all measured from the event that starts them.
#[derive(Clone, Copy, Debug)]
pub struct Delays {
    /// Period of heartbeats while a receiver is attached; traffic does not postpone them.
    pub heartbeat: Duration,
    /// How long a session lives without a receiver.
    pub disconnect: Duration,
    /// How long a websocket may take to answer a heartbeat ping.
    pub pong: Duration,
}

/// Why a receiver left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detach {
    /// Its response was complete: the client is expected to come back (HTTP transports).
    Done,
    /// The client went away in the middle: the session ends at once.
    Aborted,
}

/// Answer to [`Session::attach`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attach {
    /// The receiver is attached; `poll_transmit` says what to write to it.
    Attached,
    /// Another receiver is attached: write [`BUSY_FRAME`] to the new one and end it.
    Busy,
    /// The session ended meanwhile: look it up (or make it) again.
    Gone,
}

/// Answer to [`Session::send`].
#[derive(Debug)]
pub enum Send<'a> {
    /// Not open: the message is not taken, `write()` answers false.
    Refused,
    /// A receiver waits and nothing is queued before it: write one `a[…]` frame to it.
    Direct,
    /// No receiver now: push the quoted message.
    Queued(&'a mut Queue),
}

/// What to write to the attached receiver.
#[derive(Debug, PartialEq, Eq)]
pub enum Transmit {
    /// The `o` frame.
    Open,
    /// A whole `a[…]` frame with all queued messages.
    Messages(Vec<u8>),
    /// The `h` frame.
    Heartbeat,
    /// An empty websocket ping, which takes the place of the `h` frame on websockets that know pings.
    Ping,
    /// The close frame; end the receiver after it, then call `detach(Done)`.
    Close(Vec<u8>),
}

/// What the application has to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The session is open: `'connection'`.
    Opened,
    /// The server closed the session by itself; only the state changed so far.
    Closing,
    /// `'end'` and `'close'`. Always the last event.
    Closed,
}

/// Written to a receiver that comes while another one is attached.
pub const BUSY_FRAME: &[u8] = br#"c[2010,"Another connection still open"]"#;
/// Written to a client whose unread messages outgrow `max_buffered`.
pub const TOO_SLOW_FRAME: &[u8] = br#"c[3001,"Client too slow"]"#;
/// Written to a websocket client that leaves a heartbeat ping unanswered.
pub const NO_HEARTBEAT_FRAME: &[u8] = br#"c[3000,"No response from heartbeat"]"#;

/// The state machine. See the module for the order of calls.
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
    /// The pong could not have come in all of the time that it had.
    stalled: bool,
    /// Its websocket knows no pings.
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

/// Frames owed to the attached receiver, besides the queue.
#[derive(Debug, Default)]
struct Pending {
    open: bool,
    heartbeat: bool,
    close: bool,
}

impl Session {
    /// A session that nobody has attached to. It times out like one whose receiver has left.
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

    /// Current state.
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether a message from the client reaches the application now. A session is receptive from its
    /// `o` frame until it closes, whether or not a receiver is attached.
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// The transport of the attached receiver.
    pub fn receiver(&self) -> Option<Transport> {
        self.receiver
    }

    /// Bytes of messages that wait for a receiver.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// A receiver has come for this session.
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

    /// The websocket that has attached knows no pings: its heartbeats are `h` frames, which nobody answers.
    pub fn beat_without_pings(&mut self) {
        self.without_pings = true;
    }

    fn pings(&self, transport: Transport) -> bool {
        transport == Transport::Websocket && !self.without_pings
    }

    /// The attached receiver has left; without one this does nothing.
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

    /// The application sends a message. See [`Send`] for what to do with it.
    pub fn send(&mut self) -> Send<'_> {
        match (self.state, self.receiver) {
            (State::Open, Some(_)) if self.queue.is_empty() => Send::Direct,
            (State::Open, _) => Send::Queued(&mut self.queue),
            _ => Send::Refused,
        }
    }

    /// The application closes the session with this frame (`c[code,reason]`). False when it was not
    /// open. A raw websocket stays `Closing` until its closing handshake is over.
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

    /// The client does not take its messages: they are dropped and the session closes.
    pub fn overflow(&mut self) {
        self.queue = Queue::default();
        if self.close(TOO_SLOW_FRAME) {
            self.push_event(Event::Closing);
        }
    }

    /// The websocket has answered a heartbeat.
    pub fn handle_pong(&mut self) {
        self.pong_deadline = None;
        self.stalled = false;
    }

    /// Whether the client is about to be given up for an unanswered ping.
    pub fn is_pong_due(&self, now: Instant) -> bool {
        self.pong_deadline.is_some_and(|at| at <= now)
    }

    /// Nothing is being read from the client, so its pong cannot be seen: it has the whole time again.
    pub fn postpone_pong(&mut self, now: Instant) {
        if let Some(at) = &mut self.pong_deadline {
            *at = now + self.delays.pong;
        }
    }

    /// The pong is due, but the ping may not have left, or the pong not have been read, because JavaScript is
    /// busy with something else: once it no longer is, there is the whole time again.
    pub fn handle_stall(&mut self, now: Instant) {
        self.postpone_pong(now);
        self.stalled = true;
    }

    /// Time has passed. Harmless before [`Session::poll_timeout`].
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

    /// The next frame for the attached receiver, in the order 0.3.24 writes them: `o`, queued
    /// messages, heartbeat, close frame.
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

    /// When [`Session::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match (self.timer.deadline(), self.pong_deadline) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// The one place where a session ends. The driver calls it only when it has to give the session up,
    /// receiver or not.
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
        // Opened, Closing and Closed happen once each, so three places are enough.
        if let Some(free) = self.events.iter_mut().find(|place| place.is_none()) {
            *free = Some(event);
        }
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
