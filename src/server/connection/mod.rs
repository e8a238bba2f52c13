//! A session with the client that is attached to it: what one `conn` in JavaScript stands for.
//!
//! Any thread may call in; one lock a connection keeps the order. Everything that happens goes through
//! `settle`, which carries out what the protocol core decided.

mod backpressure;
mod ending;
mod name;
mod pause;
mod request_interest;
mod websocket_sender;

use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, Weak};
use std::time::Instant;

use tokio::sync::Notify;

use super::context::Context;
use super::events::{Event, Inbox, RequestInfo};
use super::runtime::Runtime;
use super::send_buffer::SendBuffer;
use super::timers::Timed;
use crate::protocol::closing::Cause;
use crate::protocol::json;
use crate::protocol::rfc6455::{Opcode, encode};
use crate::protocol::session::{
    Attach, BUSY_FRAME, Detach, Event as SessionEvent, Send, Session, State, Transmit,
};
use crate::protocol::transport::Wrapper;
use crate::protocol::websocket_kind::WebsocketKind;
use crate::{lock, may_panic};
pub use name::{CloseListener, SessionName};
pub use pause::Permit;
use request_interest::RequestInterest;
use websocket_sender::{WebsocketSender, frame_message, frame_payload, frame_text};

/// One session of a service.
#[derive(Debug)]
pub struct Connection {
    /// Names the connection in events; free for another once `Event::Closed` has been handled.
    key: u32,
    context: Arc<Context>,
    /// Its name; websockets have none.
    name: Option<SessionName>,
    // A std Mutex: never held across an await.
    inner: Mutex<Inner>,
    paused: AtomicBool,
    resumed: Notify,
    /// Requests that wait because it is paused.
    waiting: AtomicUsize,
    request_interest: RequestInterest,
}

#[derive(Debug)]
struct Inner {
    session: Session,
    receiver: Option<Receiver>,
    /// Responses that are over, and whose bytes may not all have left.
    leaving: Vec<Weak<SendBuffer>>,
    /// More has waited for the client than `max_buffered` allows.
    overflowed: bool,
    /// Names the receivers one after the other, so that a late abort hits none but its own.
    last_receiver: u64,
    /// The sending side of the websocket, if the client came by one.
    websocket: Option<WebsocketSender>,
    /// The entry in the timer queue.
    scheduled: Option<Instant>,
    /// The application was told "no more" by `write()` and waits for `'drain'`.
    wants_drain: bool,
}

/// The response, or the websocket, that frames go to.
#[derive(Debug)]
enum Receiver {
    Response {
        id: u64,
        wrapper: Wrapper,
        send_buffer: Arc<SendBuffer>,
        written: u64,
        limit: Option<u64>,
    },
    /// Its sending side is in [`Inner::websocket`].
    Websocket,
}

/// What the application wants to send.
#[derive(Clone, Copy, Debug)]
pub enum Outgoing<'a> {
    /// A JavaScript string.
    Text(&'a [u16]),
    /// Bytes; a binary frame on raw websockets.
    Binary(&'a [u8]),
}

/// Answer to a `write()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The connection is not open.
    Refused,
    /// Taken.
    Taken,
    /// Taken, and more than `high_water_mark` bytes wait: `'drain'` follows.
    Full,
}

/// Keeps a response attached. Dropping it before the response has ended is an abort by the client.
#[derive(Debug)]
pub struct Attachment {
    connection: Arc<Connection>,
    receiver: u64,
    opened: bool,
}

impl Attachment {
    /// Whether the session opened with this receiver.
    pub fn has_opened(&self) -> bool {
        self.opened
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        self.connection.end(Cause::ResponseAborted(self.receiver));
    }
}

impl Connection {
    /// A connection without receiver.
    pub fn new(context: Arc<Context>, name: Option<SessionName>, now: Instant) -> Arc<Self> {
        let session = Session::new(now, context.options.delays);
        Arc::new(Self {
            key: context.runtime.keys.take(),
            context,
            name,
            inner: Mutex::new(Inner {
                session,
                receiver: None,
                leaving: Vec::new(),
                overflowed: false,
                last_receiver: 0,
                websocket: None,
                scheduled: None,
                wants_drain: false,
            }),
            paused: AtomicBool::new(false),
            resumed: Notify::new(),
            waiting: AtomicUsize::new(0),
            request_interest: RequestInterest::new(),
        })
    }

    /// Its name in events.
    pub fn key(&self) -> u32 {
        self.key
    }

    fn runtime(&self) -> &Runtime {
        &self.context.runtime
    }

    /// A response has come to receive frames. `None` when the session ended meanwhile; the caller then
    /// makes a new one. A second receiver is told so and ended; its attachment is empty.
    pub fn attach_response(
        self: &Arc<Self>,
        wrapper: &Wrapper,
        send_buffer: &Arc<SendBuffer>,
        request_info: impl Fn(bool) -> RequestInfo,
    ) -> Option<Option<Attachment>> {
        let now = Instant::now();
        let mut inner = lock(&self.inner);
        let opened = inner.session.state() == State::Connecting;
        match inner.session.attach(now, wrapper.http().transport) {
            Attach::Gone => return None,
            // A client that comes back may be seen to come before it is seen to have left.
            Attach::Busy
                if inner
                    .send_buffer()
                    .is_some_and(|send_buffer| send_buffer.is_client_gone()) =>
            {
                inner.detach(now, Detach::Aborted);
                self.settle(&mut inner, now);
                return None;
            }
            Attach::Busy => {
                drop(inner);
                send_buffer.write(|out| {
                    wrapper.wrap(BUSY_FRAME, out);
                });
                send_buffer.end();
                return Some(None);
            }
            Attach::Attached => {}
        }
        inner.last_receiver += 1;
        let id = inner.last_receiver;
        inner.receiver = Some(Receiver::Response {
            id,
            wrapper: wrapper.clone(),
            send_buffer: send_buffer.clone(),
            written: 0,
            limit: wrapper.http().limit(self.context.options.response_limit),
        });
        // 0.3.24 does not decorate the connection with a request that only fetches the close frame.
        if inner.session.is_open() {
            self.announce(&mut inner, request_info(self.request_interest.may_ask()));
        }
        self.settle(&mut inner, now);
        Some(Some(Attachment {
            connection: self.clone(),
            receiver: id,
            opened,
        }))
    }

    /// A websocket has been accepted.
    pub fn attach_websocket(
        self: &Arc<Self>,
        send_buffer: &Arc<SendBuffer>,
        kind: WebsocketKind,
        request_info: RequestInfo,
    ) {
        let now = Instant::now();
        let mut inner = lock(&self.inner);
        inner.session.attach(now, kind.transport());
        if kind == WebsocketKind::Hixie76 {
            inner.session.beat_without_pings();
        }
        inner.receiver = Some(Receiver::Websocket);
        inner.websocket = Some(WebsocketSender::new(
            send_buffer,
            kind,
            now,
            self.context.options.ping,
        ));
        self.announce(&mut inner, request_info);
        self.settle(&mut inner, now);
    }

    /// Messages from the client: `decode` adds them. They are dropped unless the session is open.
    pub fn receive<E>(
        &self,
        decode: impl FnOnce(&mut Inbox<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        // The lock is held while the events are queued: that keeps them before a later `Closed`.
        let inner = lock(&self.inner);
        let websocket = inner.websocket.as_ref();
        let open = inner.session.is_open()
            && websocket.is_none_or(|websocket| websocket.closing.can_receive());
        self.runtime().events.push_messages(self.key, open, decode)
    }

    /// The application sends.
    pub fn send(self: &Arc<Self>, message: Outgoing<'_>) -> Sent {
        let mut inner = lock(&self.inner);
        let inner = &mut *inner;
        match inner.session.send() {
            Send::Refused => return Sent::Refused,
            Send::Queued(queue) => queue.push(|out| {
                if let Outgoing::Text(units) = message {
                    json::quote(units, out);
                }
            }),
            Send::Direct => match &inner.receiver {
                Some(Receiver::Websocket) => {
                    let Some(websocket) = &inner.websocket else {
                        return Sent::Refused;
                    };
                    // Nothing else waits: the queue is empty, or it would have been queued.
                    let buffered = websocket.send_buffer.write(|out| {
                        frame_message(message, websocket.kind, out);
                    });
                    return self.after_send(inner, buffered);
                }
                Some(Receiver::Response { .. }) => {
                    let Outgoing::Text(units) = message else {
                        return Sent::Refused;
                    };
                    let mut frame = Vec::with_capacity(units.len() + 5);
                    frame_text(units, &mut frame);
                    let now = Instant::now();
                    self.transmit(inner, &frame, now);
                    self.settle(inner, now);
                }
                None => return Sent::Refused,
            },
        }
        let buffered = inner.buffered();
        self.after_send(inner, buffered)
    }

    /// The response that receives now, by its number among those that the session has had; 0 if none does.
    /// Whoever asks may look at its request, and at those that follow.
    pub fn receiver(&self) -> u32 {
        self.request_interest.asked();
        match &lock(&self.inner).receiver {
            Some(Receiver::Response { id, .. }) => u32::try_from(*id).unwrap_or(0),
            Some(Receiver::Websocket) | None => 0,
        }
    }

    /// The application has been told of the connection.
    pub fn announced(&self) {
        self.request_interest.told();
    }

    /// A receiver has attached: the application learns of a new connection, or of the new request.
    fn announce(self: &Arc<Self>, inner: &mut Inner, request_info: RequestInfo) {
        let event = match inner.session.poll_event() {
            Some(SessionEvent::Opened) => Event::Open {
                key: self.key,
                service: self.context.id,
                connection: self.clone(),
                request_info,
            },
            _ => Event::Attached {
                key: self.key,
                request_info,
            },
        };
        self.runtime().events.push(event);
    }

    /// Carries out what the session has decided: frames to its receiver, events to the application,
    /// its deadline to the timers.
    fn settle(self: &Arc<Self>, inner: &mut Inner, now: Instant) {
        while let Some(transmit) = inner.session.poll_transmit() {
            match transmit {
                Transmit::Open => self.transmit(inner, b"o", now),
                Transmit::Heartbeat => self.transmit(inner, b"h", now),
                Transmit::Messages(frame) => {
                    let send_buffer = inner.send_buffer().cloned();
                    self.transmit(inner, &frame, now);
                    if let Some(send_buffer) = send_buffer {
                        self.watch_drain(inner, &send_buffer);
                    }
                }
                Transmit::Ping => {
                    if let Some(websocket) = &inner.websocket {
                        websocket
                            .send_buffer
                            .write(|out| encode(Opcode::Ping, b"", out));
                    }
                }
                Transmit::Close(frame) => {
                    self.transmit(inner, &frame, now);
                    self.finish(inner, now);
                }
            }
        }
        while let Some(event) = inner.session.poll_event() {
            match event {
                // `announce` has taken it.
                SessionEvent::Opened => {}
                SessionEvent::Closing => self.runtime().events.push(Event::Closing(self.key)),
                SessionEvent::Closed => {
                    if let Some(SessionName { id, registry }) = &self.name {
                        registry.closed(id, self.key);
                    }
                    if inner.overflowed {
                        for send_buffer in inner.send_buffers() {
                            send_buffer.abort();
                        }
                    }
                    self.runtime().events.push(Event::Closed(self.key));
                    // Whoever waits to deliver to it need not wait any longer.
                    self.resume();
                }
            }
        }
        self.schedule(inner);
    }

    /// Writes one frame to the receiver, which is done when its limit is reached.
    fn transmit(self: &Arc<Self>, inner: &mut Inner, frame: &[u8], now: Instant) {
        match &mut inner.receiver {
            Some(Receiver::Response {
                wrapper,
                send_buffer,
                written,
                limit,
                ..
            }) => {
                send_buffer.write(|out| {
                    *written += wrapper.wrap(frame, out);
                });
                if limit.is_some_and(|limit| *written >= limit) {
                    self.finish(inner, now);
                }
            }
            Some(Receiver::Websocket) => {
                if let Some(websocket) = &inner.websocket {
                    websocket.send_buffer.write(|out| {
                        frame_payload(frame, websocket.kind, out);
                    });
                }
            }
            None => {}
        }
    }

    /// Keeps the one entry in the timer queue no later than the next deadline.
    fn schedule(self: &Arc<Self>, inner: &mut Inner) {
        let websocket = inner
            .websocket
            .as_ref()
            .and_then(WebsocketSender::poll_timeout);
        let next = match (inner.session.poll_timeout(), websocket) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let timers = &self.runtime().timers;
        match (next, inner.scheduled) {
            (Some(next), Some(scheduled)) if scheduled <= next => {}
            (Some(next), scheduled) => {
                if let Some(scheduled) = scheduled {
                    timers.remove(scheduled, self.key);
                }
                let connection = Arc::downgrade(self);
                timers.add(next, self.key, connection);
                inner.scheduled = Some(next);
            }
            (None, Some(scheduled)) => {
                timers.remove(scheduled, self.key);
                inner.scheduled = None;
            }
            (None, None) => {}
        }
    }
}

impl Timed for Connection {
    fn handle_timeout(self: Arc<Self>, now: Instant) {
        may_panic("timer");
        let mut stalled = false;
        if lock(&self.inner).session.is_pong_due(now) {
            // The pong may be there, with the thread busy that would read it.
            self.runtime().read_for_js();
            let patience = self.context.options.delays.pong / 4;
            stalled = self.runtime().events.has_waited_for(patience, now);
        }
        let mut inner = lock(&self.inner);
        inner.scheduled = None;
        if stalled && inner.session.is_pong_due(now) {
            inner.session.handle_stall(now);
        } else if !self.may_read_now() {
            inner.session.postpone_pong(now);
        }
        inner.session.handle_timeout(now);
        if let Some(websocket) = &mut inner.websocket {
            websocket.ping(now, self.context.options.ping);
            let steps = websocket.closing.handle_timeout(now);
            self.carry_out(&mut inner, &steps, now);
        }
        self.settle(&mut inner, now);
    }

    fn fail(self: Arc<Self>) {
        self.end(Cause::Panic);
    }
}

impl Inner {
    fn send_buffer(&self) -> Option<&Arc<SendBuffer>> {
        match &self.receiver {
            Some(Receiver::Response { send_buffer, .. }) => Some(send_buffer),
            Some(Receiver::Websocket) => Some(&self.websocket.as_ref()?.send_buffer),
            None => None,
        }
    }
}

#[cfg(all(test, takeover))]
mod tests;
