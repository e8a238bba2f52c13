//! Why a connection ends, and the closing handshake of a websocket (RFC 6455, section 7) with the answers of
//! faye-websocket.
//!
//! Deterministic, without clock and socket: time is an argument. The caller carries out the [`Steps`] that each method
//! returns, and then asks [`Closing::poll_timeout`] for the next deadline.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use super::websocket_kind::WebsocketKind;

/// Why a connection ends. A session also ends by its own deadlines: see [`super::session`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The application called `close()`: the client gets this `c` frame. [`Cause::ReceiverDone`] follows.
    ApplicationClosed(Vec<u8>),
    /// The application called `close()` on a raw websocket: the client gets this close frame. `None` sends nothing,
    /// as faye-websocket does if it cannot encode the reason.
    ApplicationClosedRaw(Option<CloseFrame>),
    /// The receiver gets nothing more: its `c` frame was sent, its response has reached the limit, or the application
    /// ended it. A response ends; a websocket closes.
    ReceiverDone,
    /// The application ended a session that has no receiver.
    SessionAbandoned,
    /// The client aborted the response with this number.
    ResponseAborted(u64),
    /// The client sent a close frame: it gets this answer.
    ClientClosed(CloseFrame),
    /// The client violated the websocket protocol: it gets this answer. If a close frame was sent before, the
    /// violation is ignored, as in faye-websocket.
    Violation(CloseFrame),
    /// The client sent a message that is not JSON: its websocket closes without a `c` frame.
    BrokenFraming,
    /// The connection of the websocket ended.
    ClientGone,
    /// More bytes wait for the client than `max_buffered` allows.
    TooSlow,
    /// The client has not answered a close frame in time, or has not read the last bytes in time.
    CloseTimeout,
    /// Code that handles this connection panicked.
    Panic,
}

impl Cause {
    /// Whether the client ends its websocket. Then the application may not have handled all of its messages yet.
    fn is_from_client(&self) -> bool {
        matches!(
            self,
            Self::ClientClosed(_) | Self::Violation(_) | Self::BrokenFraming | Self::ClientGone
        )
    }
}

/// A close frame of RFC 6455. That of Hixie-76 has neither code nor reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseFrame {
    pub code: u16,
    /// UTF-8, unless the application passed other bytes.
    pub reason: Cow<'static, [u8]>,
}

impl CloseFrame {
    /// Copies the reason.
    pub fn new(code: u16, reason: &[u8]) -> Self {
        Self {
            code,
            reason: Cow::Owned(reason.to_vec()),
        }
    }

    const fn fixed(code: u16, reason: &'static [u8]) -> Self {
        Self {
            code,
            reason: Cow::Borrowed(reason),
        }
    }
}

/// The close frame of each SockJS websocket, after its `c` frame.
const NORMAL_CLOSURE: CloseFrame = CloseFrame::fixed(1000, b"Normal closure");
const BROKEN_FRAMING: CloseFrame = CloseFrame::fixed(3000, b"Broken framing.");
const TOO_SLOW: CloseFrame = CloseFrame::fixed(1008, b"Client too slow");

/// How long the server waits for the answer to its close frame (faye-websocket: `CLOSE_TIMEOUT`).
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

/// What the caller has to do, in this order.
#[derive(Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Steps {
    /// Queue an event behind the messages that the application has not handled yet, and call
    /// [`Closing::poll_queued`] when the application handles it.
    pub queue: bool,
    /// Send this close frame.
    pub frame: Option<CloseFrame>,
    /// End the sending side.
    pub sender: Option<SenderEnd>,
    /// End the session.
    pub session: bool,
}

/// How the sending side of a websocket ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SenderEnd {
    /// The bytes that wait are sent first.
    Flush,
    /// The bytes that wait are dropped.
    Abort,
}

/// The closing handshake of one websocket.
#[derive(Debug)]
pub struct Closing {
    kind: WebsocketKind,
    state: State,
    /// Causes from the client that wait until the application has handled the messages before them. Of each kind
    /// there is at most one.
    queued: Vec<Cause>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No close frame was sent.
    Open,
    /// A close frame was sent. Contains the deadline for the client's answer.
    CloseSent(Instant),
    /// Nothing more is written. Contains the deadline for the bytes that wait, if there is still a client.
    Over(Option<Instant>),
}

impl Closing {
    pub fn new(kind: WebsocketKind) -> Self {
        Self {
            kind,
            state: State::Open,
            queued: Vec::new(),
        }
    }

    /// Whether no close frame has been sent, so that heartbeats continue.
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Whether messages of the client are accepted, which they are not after it has ended the websocket.
    pub fn can_receive(&self) -> bool {
        self.queued.is_empty()
    }

    /// Whether pings of the client are answered.
    pub fn can_pong(&self) -> bool {
        let is_broken = |cause: &Cause| matches!(cause, Cause::Violation(_));
        !matches!(self.state, State::Over(_)) && !self.queued.iter().any(is_broken)
    }

    /// Ends the websocket. A cause from the client waits behind the messages before it, so that the application's
    /// answers to them leave before the close frame.
    pub fn end(&mut self, cause: Cause, now: Instant) -> Steps {
        if !cause.is_from_client() || !self.is_open() {
            return self.end_now(cause, now);
        }
        let steps = Steps {
            queue: self.queued.is_empty(),
            ..Steps::default()
        };
        let kind = std::mem::discriminant(&cause);
        if !self
            .queued
            .iter()
            .any(|other| std::mem::discriminant(other) == kind)
        {
            self.queued.push(cause);
        }
        steps
    }

    /// The steps for the next cause that waits; `None` if there is none. To be called when the application has
    /// handled the messages before these causes.
    pub fn poll_queued(&mut self, now: Instant) -> Option<Steps> {
        if self.queued.is_empty() {
            return None;
        }
        let cause = self.queued.remove(0);
        Some(self.end_now(cause, now))
    }

    /// When [`Closing::handle_timeout`] has to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Open => None,
            State::CloseSent(deadline) => Some(deadline),
            State::Over(deadline) => deadline,
        }
    }

    /// Ends the websocket if its deadline has passed. Does nothing before [`Closing::poll_timeout`].
    pub fn handle_timeout(&mut self, now: Instant) -> Steps {
        if self.poll_timeout().is_some_and(|at| at <= now) {
            self.end(Cause::CloseTimeout, now)
        } else {
            Steps::default()
        }
    }

    fn end_now(&mut self, cause: Cause, now: Instant) -> Steps {
        match cause {
            Cause::ApplicationClosedRaw(frame) => self.begin(frame, now),
            Cause::ReceiverDone => self.begin(Some(NORMAL_CLOSURE), now),
            Cause::ClientClosed(frame) => self.answer(frame, now),
            Cause::Violation(frame) if self.is_open() => self.answer(frame, now),
            Cause::BrokenFraming => Steps {
                session: true,
                ..self.begin(Some(BROKEN_FRAMING), now)
            },
            Cause::ClientGone => {
                self.state = State::Over(None);
                Steps {
                    sender: Some(SenderEnd::Flush),
                    session: true,
                    ..Steps::default()
                }
            }
            // The session sends a `c` frame, and `ReceiverDone` follows.
            Cause::TooSlow if self.is_open() && self.kind != WebsocketKind::Raw => Steps::default(),
            Cause::TooSlow if self.is_open() => self.begin(Some(TOO_SLOW), now),
            // A close frame was sent, but the client sends pings without reading the pongs, or has not answered in time.
            Cause::TooSlow | Cause::CloseTimeout => self.abort(),
            Cause::Panic => Steps {
                session: true,
                ..self.abort()
            },
            // The session handles these, except for a violation after a close frame, which is ignored.
            Cause::ApplicationClosed(_)
            | Cause::SessionAbandoned
            | Cause::ResponseAborted(_)
            | Cause::Violation(_) => Steps::default(),
        }
    }

    /// Begins the closing handshake. On Hixie-76 it is also the end, because faye-websocket does not wait for the
    /// client there.
    fn begin(&mut self, frame: Option<CloseFrame>, now: Instant) -> Steps {
        if !self.is_open() {
            return Steps::default();
        }
        let deadline = now + CLOSE_TIMEOUT;
        let is_hixie = self.kind == WebsocketKind::Hixie76;
        self.state = if is_hixie {
            State::Over(Some(deadline))
        } else {
            State::CloseSent(deadline)
        };
        Steps {
            frame,
            sender: is_hixie.then_some(SenderEnd::Flush),
            ..Steps::default()
        }
    }

    /// Ends the closing handshake with an answer to the client, unless a close frame was sent before.
    fn answer(&mut self, frame: CloseFrame, now: Instant) -> Steps {
        let steps = self.begin(Some(frame), now);
        self.state = State::Over(self.poll_timeout());
        Steps {
            sender: Some(SenderEnd::Flush),
            session: true,
            ..steps
        }
    }

    fn abort(&mut self) -> Steps {
        self.state = State::Over(None);
        Steps {
            sender: Some(SenderEnd::Abort),
            ..Steps::default()
        }
    }
}

#[cfg(test)]
#[path = "closing_tests.rs"]
mod tests;
