//! How a connection ends: the causes, and the closing handshake of a websocket with the answers of
//! faye-websocket.
//!
//! Deterministic, without clock and socket: time is an argument. The driver carries out the [`Steps`] that each
//! input answers with, and then asks for [`Closing::poll_timeout`].

use std::borrow::Cow;
use std::time::{Duration, Instant};

use super::websocket_kind::WebsocketKind;

/// Why a connection ends. A session also ends by its own deadlines: see [`super::session`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The application called `close()`: the client gets this `c` frame. Its receiver is then done.
    ApplicationClosed(Vec<u8>),
    /// The application called `close()` on a raw websocket: the client gets this close frame. Without one
    /// nothing is sent, as in faye-websocket when it cannot encode the reason.
    ApplicationClosedRaw(Option<CloseFrame>),
    /// The receiver has all it gets: its `c` frame, or as many bytes as its limit allows, or the application
    /// ended it. A response ends; a websocket closes.
    ReceiverDone,
    /// The application ended a session that has no receiver.
    SessionAbandoned,
    /// The client aborted the response with this number.
    ResponseAborted(u64),
    /// The client sent a close frame: it gets this answer.
    ClientClosed(CloseFrame),
    /// The client broke the websocket protocol: it gets this answer, unless a close frame was sent before. Then
    /// the violation is ignored, as in faye-websocket.
    Violation(CloseFrame),
    /// The client sent a message that is not JSON: its websocket closes without a `c` frame.
    BrokenFraming,
    /// The connection of the websocket ended.
    ClientGone,
    /// More bytes wait for the client than `max_buffered` allows.
    TooSlow,
    /// The client has not answered a close frame in time, or has not read what was sent before the end.
    CloseTimeout,
    /// A panic.
    Panic,
}

impl Cause {
    /// Whether it is the client that ends its websocket. What it sent before is still with the application.
    fn is_from_client(&self) -> bool {
        matches!(
            self,
            Self::ClientClosed(_) | Self::Violation(_) | Self::BrokenFraming | Self::ClientGone
        )
    }
}

/// A close frame of RFC 6455. Hixie-76 knows only one, without code and reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseFrame {
    /// The status code.
    pub code: u16,
    /// UTF-8.
    pub reason: Cow<'static, [u8]>,
}

impl CloseFrame {
    /// With a reason that lives only as long as the bytes that it was read from.
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

/// With which every SockJS websocket closes after its `c` frame.
const NORMAL_CLOSURE: CloseFrame = CloseFrame::fixed(1000, b"Normal closure");
const BROKEN_FRAMING: CloseFrame = CloseFrame::fixed(3000, b"Broken framing.");
const TOO_SLOW: CloseFrame = CloseFrame::fixed(1008, b"Client too slow");

/// How long a client may leave a close frame unanswered (faye-websocket: `CLOSE_TIMEOUT`).
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

/// What the driver has to do, in this order.
#[derive(Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Steps {
    /// Tell the application behind the messages that it has not yet handled. When it comes to that, it is the
    /// turn of [`Closing::poll_queued`].
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
    /// What waits still leaves.
    Flush,
    /// What waits is dropped.
    Abort,
}

/// The closing handshake of one websocket.
#[derive(Debug)]
pub struct Closing {
    kind: WebsocketKind,
    state: State,
    /// How the client has ended it, until the application has handled what came before; each cause once.
    queued: Vec<Cause>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Messages flow.
    Open,
    /// A close frame was sent; the client has until then to answer it.
    CloseSent(Instant),
    /// Nothing is sent any more. What waits may leave until then; the client may be gone already.
    Over(Option<Instant>),
}

impl Closing {
    /// That of a websocket that is open.
    pub fn new(kind: WebsocketKind) -> Self {
        Self {
            kind,
            state: State::Open,
            queued: Vec::new(),
        }
    }

    /// Whether no close frame has been sent: heartbeats go on.
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Whether messages of the client count: none do that follow its end.
    pub fn can_receive(&self) -> bool {
        self.queued.is_empty()
    }

    /// Whether a ping is answered.
    pub fn can_pong(&self) -> bool {
        let is_broken = |cause: &Cause| matches!(cause, Cause::Violation(_));
        !matches!(self.state, State::Over(_)) && !self.queued.iter().any(is_broken)
    }

    /// The one input that ends a websocket. An end that the client brings about takes its place behind the
    /// messages before it, because the application's answers to them belong before the close frame.
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

    /// The application has handled all that came before the end of the client: the steps for the next of the
    /// causes that wait, until there is none.
    pub fn poll_queued(&mut self, now: Instant) -> Option<Steps> {
        if self.queued.is_empty() {
            return None;
        }
        let cause = self.queued.remove(0);
        Some(self.end_now(cause, now))
    }

    /// When [`Closing::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Open => None,
            State::CloseSent(deadline) => Some(deadline),
            State::Over(deadline) => deadline,
        }
    }

    /// Time has passed. Harmless before [`Closing::poll_timeout`].
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
            // A SockJS session closes by a `c` frame; its receiver is then done.
            Cause::TooSlow if self.is_open() && self.kind != WebsocketKind::Raw => Steps::default(),
            Cause::TooSlow if self.is_open() => self.begin(Some(TOO_SLOW), now),
            // It has got its close frame, and goes on pinging without reading; or it had its time.
            Cause::TooSlow | Cause::CloseTimeout => self.abort(),
            Cause::Panic => Steps {
                session: true,
                ..self.abort()
            },
            // The session closes by a `c` frame; the others are about responses.
            Cause::ApplicationClosed(_)
            | Cause::SessionAbandoned
            | Cause::ResponseAborted(_)
            | Cause::Violation(_) => Steps::default(),
        }
    }

    /// Begins the handshake. For Hixie-76 that is its end: faye does not wait for the client there.
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

    /// Answers what the client has begun, unless a close frame has been sent. That is the end.
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
