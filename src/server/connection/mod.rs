//! A session with its receiver: one `conn` in JavaScript.
//!
//! Any thread may call the methods; a lock in each connection orders the calls. Each method calls the session or the
//! closing handshake, and then `settle`, which carries out what these have decided.

mod attaching;
mod backpressure;
mod deadlines;
mod ending;
mod membership;
mod name;
mod outgoing;
mod pause;
mod receiving;
mod request_interest;
mod websocket_sender;

use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, Weak};
use std::time::Instant;

use tokio::sync::Notify;

use super::context::Context;
use super::events::Event;
use super::publication::Publication;
use super::rooms::Name;
use super::runtime::Runtime;
use super::send_buffer::SendBuffer;
use crate::lock;
use crate::protocol::json;
use crate::protocol::rfc6455::{Opcode, encode};
use crate::protocol::session::{Event as SessionEvent, Send, Session, Transmit};
use crate::protocol::transport::Wrapper;
pub use attaching::Attachment;
pub use name::{CloseListener, SessionName};
pub use outgoing::Outgoing;
use outgoing::{frame_message, frame_payload, frame_text, write_published};
pub use pause::Permit;
use request_interest::RequestInterest;
use websocket_sender::WebsocketSender;

/// One session of a service.
#[derive(Debug)]
pub struct Connection {
    /// Its number in events. Another connection may get it when JavaScript has handled `Event::Closed`.
    key: u32,
    context: Arc<Context>,
    /// `None` for websockets.
    name: Option<SessionName>,
    // A std Mutex: never held across an await.
    inner: Mutex<Inner>,
    paused: AtomicBool,
    resumed: Notify,
    /// The number of requests that wait because it is paused.
    waiting: AtomicUsize,
    request_interest: RequestInterest,
}

#[derive(Debug)]
struct Inner {
    session: Session,
    receiver: Option<Receiver>,
    /// The responses that have ended, but perhaps not left completely.
    leaving: Vec<Weak<SendBuffer>>,
    /// More than `max_buffered` has waited for the client.
    overflowed: bool,
    /// The number of the last receiver. A late abort is ignored if its receiver is no longer attached.
    last_receiver: u64,
    /// The sending side of the websocket, if the client has one.
    websocket: Option<WebsocketSender>,
    /// The time of its entry in the timers.
    scheduled: Option<Instant>,
    /// `write()` has returned false, so the application waits for `'drain'`.
    wants_drain: bool,
    /// The rooms that it has joined; none for most connections.
    membership: Option<Box<Membership>>,
    /// The number of the last published message that was for it.
    delivered: u64,
}

/// What a connection has joined.
#[derive(Debug, Default)]
struct Membership {
    /// In the order of joining.
    rooms: Vec<Name>,
    /// It is among those that a broadcast reaches.
    is_admitted: bool,
}

/// Where the frames go.
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

/// The result of [`Connection::send`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The connection is not open.
    Refused,
    /// Taken.
    Taken,
    /// Taken, and more than `high_water_mark` bytes wait: `'drain'` follows.
    Full,
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
                membership: None,
                delivered: 0,
            }),
            paused: AtomicBool::new(false),
            resumed: Notify::new(),
            waiting: AtomicUsize::new(0),
            request_interest: RequestInterest::new(),
        })
    }

    /// Its number in events.
    pub fn key(&self) -> u32 {
        self.key
    }

    fn runtime(&self) -> &Runtime {
        &self.context.runtime
    }

    /// Sends a message of the application.
    pub fn send(self: &Arc<Self>, message: Outgoing<'_>) -> Sent {
        self.send_locked(&mut lock(&self.inner), message)
    }

    fn send_locked(self: &Arc<Self>, inner: &mut Inner, message: Outgoing<'_>) -> Sent {
        match inner.session.send() {
            Send::Refused => return Sent::Refused,
            Send::Queued(queue) => match message {
                Outgoing::Text(units) => queue.push(|out| {
                    json::quote(units, out);
                }),
                Outgoing::Published(publication) => publication.queue(queue),
                // Only raw websockets send bytes, and these have no queue.
                Outgoing::Binary(_) => return Sent::Refused,
            },
            Send::Direct => match &inner.receiver {
                Some(Receiver::Websocket) => {
                    let Some(websocket) = &inner.websocket else {
                        return Sent::Refused;
                    };
                    // Nothing else waits: the queue is empty, or it would have been queued.
                    let send_buffer = &websocket.send_buffer;
                    let buffered = if let Outgoing::Published(publication) = message {
                        let binary = self.context.options.binary;
                        send_buffer.write_shared(publication.websocket(websocket.kind, binary))
                    } else {
                        send_buffer.write(|out| frame_message(message, websocket.kind, out))
                    };
                    return self.after_send(inner, buffered);
                }
                Some(Receiver::Response { .. }) => {
                    let now = Instant::now();
                    match message {
                        Outgoing::Text(units) => {
                            let mut frame = Vec::with_capacity(units.len() + 5);
                            frame_text(units, &mut frame);
                            self.transmit(inner, &frame, now);
                        }
                        Outgoing::Published(publication) => {
                            self.transmit_published(inner, publication, now);
                        }
                        Outgoing::Binary(_) => return Sent::Refused,
                    }
                    self.settle(inner, now);
                }
                None => return Sent::Refused,
            },
        }
        let buffered = inner.buffered();
        self.after_send(inner, buffered)
    }

    /// The number of the attached response among the receivers of the session; 0 if no response is attached. The
    /// application that asks may also ask for the requests of this receiver and of later ones.
    pub fn receiver(&self) -> u32 {
        self.request_interest.asked();
        match &lock(&self.inner).receiver {
            Some(Receiver::Response { id, .. }) => u32::try_from(*id).unwrap_or(0),
            Some(Receiver::Websocket) | None => 0,
        }
    }

    /// JavaScript has handled the event that announces the connection.
    pub fn announced(&self) {
        self.request_interest.told();
    }

    /// Carries out what the session has decided: writes its frames, reports its events, and updates the timers.
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
                // `announce` has reported it.
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
                    // Requests that wait because it is paused continue.
                    self.resume();
                }
            }
        }
        self.leave_if_closed(inner);
        self.schedule(inner);
    }

    /// Writes a frame to the receiver. A response ends when it has reached its limit.
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

    /// Writes a published message to the attached response, which ends when it has reached its limit.
    fn transmit_published(
        self: &Arc<Self>,
        inner: &mut Inner,
        publication: &Publication,
        now: Instant,
    ) {
        if let Some(Receiver::Response {
            wrapper,
            send_buffer,
            written,
            limit,
            ..
        }) = &mut inner.receiver
        {
            *written += write_published(publication, wrapper, send_buffer);
            if limit.is_some_and(|limit| *written >= limit) {
                self.finish(inner, now);
            }
        }
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
