//! The sending side of a websocket: its frames, its pings, and what the closing handshake asks for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Connection, Outgoing};
use crate::lock;
use crate::protocol::closing::{Cause, CloseFrame, Closing, SenderEnd};
use crate::protocol::hixie;
use crate::protocol::json;
use crate::protocol::rfc6455::{Opcode, encode, encode_close, encode_with};
use crate::protocol::websocket_kind::WebsocketKind;
use crate::server::send_buffer::SendBuffer;

/// The sending side, which outlives its session by the closing handshake.
#[derive(Debug)]
pub(super) struct WebsocketSender {
    pub(super) send_buffer: Arc<SendBuffer>,
    pub(super) kind: WebsocketKind,
    pub(super) closing: Closing,
    /// When the next ping of `faye_server_options.ping` is due, and its number. None is sent after a close frame.
    ping: Option<(Instant, u64)>,
}

impl Connection {
    /// The client pinged its websocket.
    pub fn handle_ping(self: &Arc<Self>, payload: &[u8]) {
        let mut inner = lock(&self.inner);
        let Some(websocket) = &inner.websocket else {
            return;
        };
        if !websocket.closing.can_pong() {
            return;
        }
        let buffered = websocket
            .send_buffer
            .write(|out| encode(Opcode::Pong, payload, out));
        if buffered > self.context.options.max_buffered {
            self.end_locked(&mut inner, Cause::TooSlow, Instant::now());
        }
    }

    /// The client answered a ping. Only the empty payload is that of a heartbeat.
    pub fn handle_pong(&self, payload: &[u8]) {
        if payload.is_empty() {
            lock(&self.inner).session.handle_pong();
        }
    }
}

impl WebsocketSender {
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
            closing: Closing::new(kind),
            ping: every.map(|every| (now + every, 1)),
        }
    }

    /// When the next ping is due, or the closing handshake is given up.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        if self.closing.is_open() {
            self.ping.map(|(at, _)| at)
        } else {
            self.closing.poll_timeout()
        }
    }

    /// Sends the ping of `faye_server_options.ping` that is due.
    pub(super) fn ping(&mut self, now: Instant, every: Option<Duration>) {
        if let (Some((at, number)), Some(every)) = (self.ping, every)
            && at <= now
            && self.closing.is_open()
        {
            self.ping = Some((now + every, number + 1));
            let payload = number.to_string();
            self.send_buffer.write(|out| {
                encode(Opcode::Ping, payload.as_bytes(), out);
            });
        }
    }

    pub(super) fn close(&self, frame: &CloseFrame) {
        self.send_buffer.write(|out| match self.kind {
            WebsocketKind::Sockjs | WebsocketKind::Raw => {
                encode_close(frame.code, &frame.reason, out);
            }
            WebsocketKind::Hixie76 => hixie::encode_close(out),
        });
    }

    pub(super) fn end(&self, end: SenderEnd) {
        match end {
            SenderEnd::Flush => self.send_buffer.end(),
            SenderEnd::Abort => self.send_buffer.abort(),
        }
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
