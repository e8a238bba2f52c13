//! A connection over a websocket: pings, and how it ends from either side.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Connection, Inner, Outgoing};
use crate::lock;
use crate::protocol::hixie;
use crate::protocol::json;
use crate::protocol::rfc6455::{Opcode, encode, encode_close, encode_with};
use crate::protocol::session::Detach;
use crate::protocol::websocket_kind::WebsocketKind;
use crate::server::events::Event;
use crate::server::runtime::Runtime;
use crate::server::send_buffer::SendBuffer;

/// How a websocket ends from the client's side.
#[derive(Debug)]
pub(super) enum ClientClose {
    /// It closed; it gets this answer.
    Close(u16, String),
    /// It broke the protocol; it gets this answer, unless a close frame has been sent.
    Violation(u16, String),
    /// It sent a message that is no JSON.
    BrokenFraming,
    /// Its connection ended.
    End,
}

/// The sending side of a websocket, which outlives its session by the closing handshake.
#[derive(Debug)]
pub(super) struct Websocket {
    pub(super) send_buffer: Arc<SendBuffer>,
    pub(super) kind: WebsocketKind,
    pub(super) phase: Phase,
    /// When an unanswered close frame is given up, or an answer to one that the client does not take.
    pub(super) close_deadline: Option<Instant>,
    /// When the next ping of `faye_server_options.ping` is due, and its number.
    pub(super) ping: Option<(Instant, u64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    CloseSent,
    Over,
}

/// How long a websocket may leave a close frame unanswered (faye-websocket: `CLOSE_TIMEOUT`).
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);
/// With which every SockJS websocket closes after its `c` frame.
pub(super) const NORMAL_CLOSURE: (u16, &[u8]) = (1000, b"Normal closure");

impl Connection {
    /// The client pinged its websocket.
    pub fn handle_ping(self: &Arc<Self>, payload: &[u8]) {
        let mut inner = lock(&self.inner);
        let Some(websocket) = &inner.websocket else {
            return;
        };
        if websocket.phase == Phase::Over
            || inner.has_client_close(|close| matches!(close, ClientClose::Violation(..)))
        {
            return;
        }
        let send_buffer = websocket.send_buffer.clone();
        let buffered = send_buffer.write(self.runtime(), |out| encode(Opcode::Pong, payload, out));
        if buffered <= self.service.options.max_buffered {
            return;
        }
        if inner.session.is_open() {
            self.overflow(&mut inner);
        } else {
            // It has got its close frame, and goes on pinging without reading.
            send_buffer.abort(self.runtime());
        }
    }

    /// The client answered a ping. Only the empty payload is that of a heartbeat.
    pub fn handle_pong(&self, payload: &[u8]) {
        if payload.is_empty() {
            lock(&self.inner).session.handle_pong();
        }
    }

    /// The client broke the websocket protocol, and gets this answer unless a close frame was sent before.
    pub fn handle_violation(self: &Arc<Self>, code: u16, reason: &str) {
        self.handle_client_close(ClientClose::Violation(code, reason.to_owned()));
    }

    /// The client closes its websocket, and gets this answer.
    pub fn handle_close(self: &Arc<Self>, code: u16, reason: &str) {
        self.handle_client_close(ClientClose::Close(code, reason.to_owned()));
    }

    /// The websocket's connection ended.
    pub fn handle_end(self: &Arc<Self>) {
        self.handle_client_close(ClientClose::End);
    }

    /// A message that is no JSON: the websocket closes without a `c` frame.
    pub fn handle_broken_framing(self: &Arc<Self>) {
        self.handle_client_close(ClientClose::BrokenFraming);
    }

    /// What came before the end is still with the application, whose answers belong before the close
    /// frame. So the end takes its place in the queue, and `finish_client_close` follows when it is reached.
    fn handle_client_close(self: &Arc<Self>, close: ClientClose) {
        let mut inner = lock(&self.inner);
        if !inner.session.is_open() {
            return self.end_as(&mut inner, &close);
        }
        if inner.client_closes.is_empty() {
            self.runtime().events.push(Event::ClientClose(self.key));
        }
        let kind = std::mem::discriminant(&close);
        if !inner.has_client_close(|other| std::mem::discriminant(other) == kind) {
            inner.client_closes.push(close);
        }
    }

    /// The application has handled all that came before the client's end.
    pub fn finish_client_close(self: &Arc<Self>) {
        let mut inner = lock(&self.inner);
        for close in std::mem::take(&mut inner.client_closes) {
            self.end_as(&mut inner, &close);
        }
    }

    fn end_as(self: &Arc<Self>, inner: &mut Inner, close: &ClientClose) {
        match close {
            // faye-websocket: what breaks the protocol after a close frame was sent is ignored.
            ClientClose::Violation(..) if !inner.is_websocket(Phase::Open) => {}
            ClientClose::Violation(code, reason) | ClientClose::Close(code, reason) => {
                self.close_websocket(inner, *code, Some(reason.as_bytes()));
                self.end_websocket(inner);
            }
            ClientClose::End => {
                if let Some(websocket) = &mut inner.websocket {
                    websocket.close_deadline = None;
                }
                self.end_websocket(inner);
            }
            ClientClose::BrokenFraming => {
                self.close_websocket(inner, 3000, Some(b"Broken framing."));
                self.detach(inner, Instant::now(), Detach::Aborted);
            }
        }
    }

    /// Begins the closing handshake, which for Hixie-76 is its end: faye does not wait for the client there.
    /// Without a reason nothing is sent, which is what faye does when it cannot make a frame of what it got
    /// for one.
    pub(super) fn close_websocket(
        self: &Arc<Self>,
        inner: &mut Inner,
        code: u16,
        reason: Option<&[u8]>,
    ) {
        let now = Instant::now();
        if let Some(websocket) = &mut inner.websocket
            && websocket.phase == Phase::Open
        {
            websocket.phase = Phase::CloseSent;
            websocket.close_deadline = Some(now + CLOSE_TIMEOUT);
            websocket.ping = None;
            let send_buffer = &websocket.send_buffer;
            if websocket.kind == WebsocketKind::Hixie76 {
                send_buffer.write(self.runtime(), hixie::encode_close);
                websocket.end(self.runtime());
            } else if let Some(reason) = reason {
                send_buffer.write(self.runtime(), |out| encode_close(code, reason, out));
            }
        }
        self.schedule(inner);
    }

    pub(super) fn end_websocket(self: &Arc<Self>, inner: &mut Inner) {
        if let Some(websocket) = &mut inner.websocket {
            websocket.end(self.runtime());
        }
        self.detach(inner, Instant::now(), Detach::Aborted);
    }
}

impl Websocket {
    pub(super) fn new(
        send_buffer: &Arc<SendBuffer>,
        kind: WebsocketKind,
        now: Instant,
        every: Option<Duration>,
    ) -> Self {
        // Hixie-76 knows no pings.
        let every = every.filter(|_| kind != WebsocketKind::Hixie76);
        Self {
            send_buffer: send_buffer.clone(),
            kind,
            phase: Phase::Open,
            close_deadline: None,
            ping: every.map(|every| (now + every, 1)),
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.close_deadline.or(self.ping.map(|(at, _)| at))
    }

    pub(super) fn handle_timeout(
        &mut self,
        now: Instant,
        every: Option<Duration>,
        runtime: &Runtime,
    ) {
        if self.close_deadline.is_some_and(|at| at <= now) {
            self.close_deadline = None;
            self.end(runtime);
            // What its client does not take would hold the socket open.
            return self.send_buffer.abort(runtime);
        }
        if let (Some((at, number)), Some(every)) = (self.ping, every)
            && at <= now
        {
            self.ping = Some((now + every, number + 1));
            let payload = number.to_string();
            self.send_buffer.write(runtime, |out| {
                encode(Opcode::Ping, payload.as_bytes(), out);
            });
        }
    }

    /// Nothing follows. What waits may still leave, until `close_deadline`.
    fn end(&mut self, runtime: &Runtime) {
        self.phase = Phase::Over;
        self.ping = None;
        self.send_buffer.end(runtime);
    }
}

/// One message as an `a[…]` frame.
pub(super) fn frame_text(units: &[u16], out: &mut Vec<u8>) {
    out.extend_from_slice(b"a[");
    json::quote(units, out);
    out.push(b']');
}

/// One SockJS frame in one of its websocket's.
pub(super) fn frame_payload(frame: &[u8], kind: WebsocketKind, out: &mut Vec<u8>) {
    match kind {
        WebsocketKind::Sockjs | WebsocketKind::Raw => encode(Opcode::Text, frame, out),
        WebsocketKind::Hixie76 => hixie::encode_with(out, |out| out.extend_from_slice(frame)),
    }
}

/// One message as a websocket frame. Bytes are for raw websockets only.
pub(super) fn frame_message(message: Outgoing<'_>, kind: WebsocketKind, out: &mut Vec<u8>) {
    match (message, kind) {
        (Outgoing::Text(units), WebsocketKind::Sockjs) => {
            encode_with(Opcode::Text, units.len() + 5, out, |out| {
                frame_text(units, out);
            });
        }
        (Outgoing::Text(units), WebsocketKind::Raw) => {
            encode_with(Opcode::Text, units.len(), out, |out| {
                // A lone surrogate becomes U+FFFD: raw websockets carry UTF-8.
                let chars = char::decode_utf16(units.iter().copied());
                let mut utf8 = [0; 4];
                for char in chars {
                    let char = char.unwrap_or(char::REPLACEMENT_CHARACTER);
                    out.extend_from_slice(char.encode_utf8(&mut utf8).as_bytes());
                }
            });
        }
        (Outgoing::Text(units), WebsocketKind::Hixie76) => {
            hixie::encode_with(out, |out| frame_text(units, out));
        }
        (Outgoing::Binary(bytes), _) => encode(Opcode::Binary, bytes, out),
    }
}
