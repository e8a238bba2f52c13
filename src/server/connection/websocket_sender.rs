//! The sending side of a websocket: its pings, and the closing handshake.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::protocol::closing::{CloseFrame, Closing, SenderEnd};
use crate::protocol::hixie;
use crate::protocol::rfc6455::{Opcode, encode, encode_close};
use crate::protocol::websocket_kind::WebsocketKind;
use crate::server::send_buffer::SendBuffer;

/// The sending side. The closing handshake may last longer than the session.
#[derive(Debug)]
pub(super) struct WebsocketSender {
    pub(super) send_buffer: Arc<SendBuffer>,
    pub(super) kind: WebsocketKind,
    pub(super) closing: Closing,
    /// When the next ping of `faye_server_options.ping` is due, and its number. No ping follows a close frame.
    ping: Option<(Instant, u64)>,
}

impl WebsocketSender {
    pub(super) fn new(
        send_buffer: &Arc<SendBuffer>,
        kind: WebsocketKind,
        now: Instant,
        every: Option<Duration>,
    ) -> Self {
        // Hixie-76 has no pings.
        let every = every.filter(|_| kind != WebsocketKind::Hixie76);
        Self {
            send_buffer: send_buffer.clone(),
            kind,
            closing: Closing::new(kind),
            ping: every.map(|every| (now + every, 1)),
        }
    }

    /// When the next ping is due, or when the closing handshake ends.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        if self.closing.is_open() {
            self.ping.map(|(at, _)| at)
        } else {
            self.closing.poll_timeout()
        }
    }

    /// Sends the next ping of `faye_server_options.ping`, if it is due.
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
