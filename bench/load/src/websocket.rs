//! A websocket client: raw, `SockJS` or socket.io; in every scenario.

use crate::args::{Protocol, Scenario};
use crate::frame::{self, CLOSE, PING, PONG, TEXT};
use crate::payload;
use crate::shared::{Shared, each_message, excerpt};
use crate::stream::{Connection, Progress};
use anyhow::{Context, Result, bail, ensure};
use mio::Token;
use mio::event::Event;

pub struct Websocket {
    connection: Option<Connection>,
    peer: Peer,
}

/// Everything except the connection, so that both can be borrowed.
struct Peer {
    index: usize,
    state: State,
    sent: u64,
    received: u64,
    /// When the messages under way were sent, by their number modulo the size.
    sent_at: Box<[u64]>,
    /// Fan-out: the number of the next message of each sender; `None` for senders in other rooms.
    next: Vec<Option<u64>>,
    opened_at: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed,
    Handshake,
    /// Waiting for the first frame that the protocol defines.
    Greeting,
    Open,
    /// We have sent a close frame.
    Closing,
    /// The server has answered the close frame; it has to end the TCP connection next.
    CloseAnswered,
}

impl Websocket {
    pub fn new(index: usize, shared: &Shared) -> Self {
        let mut next = Vec::new();
        if shared.args.scenario == Scenario::FanOut {
            next.resize(shared.args.senders, None);
            for sender in shared.args.senders_to(index) {
                next[sender] = Some(0);
            }
        }
        Self {
            connection: None,
            peer: Peer {
                index,
                state: State::Closed,
                sent: 0,
                received: 0,
                sent_at: vec![0; shared.args.in_flight].into(),
                next,
                opened_at: 0,
            },
        }
    }

    pub fn open(&mut self, shared: &mut Shared) -> Result<()> {
        let mut connection = shared.dialer.dial(Token(self.peer.index * 2))?;
        let prefix = &shared.args.prefix;
        // The servers read the number of the connection from it.
        let session = format!("s{}x{}", self.peer.index, self.peer.sent);
        let path = match shared.args.protocol {
            Protocol::SocketIo => format!("/socket.io/?EIO=4&transport=websocket&id={session}"),
            Protocol::RawWebsocket => format!("{prefix}/websocket?id={session}"),
            _ => format!("{prefix}/000/{session}/websocket"),
        };
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\nOrigin: http://localhost\r\n\
             User-Agent: sockjs-load\r\n\r\n"
        );
        connection.out().extend_from_slice(request.as_bytes());
        self.connection = Some(connection);
        self.peer.state = State::Handshake;
        self.peer.opened_at = shared.now;
        Ok(())
    }

    /// Begins the load: the first messages of an echo or a fan-out, the first connection of a churn.
    pub fn start(&mut self, shared: &mut Shared) -> Result<()> {
        match shared.args.scenario {
            Scenario::Churn => {
                shared.stats.under_way += 1;
                self.open(shared)
            }
            Scenario::FanOut if self.peer.index < shared.args.senders => self.send(shared),
            Scenario::Echo if shared.args.rate.is_none() => {
                for _ in 0..shared.args.in_flight {
                    self.send_later(shared);
                }
                self.flush()
            }
            Scenario::Echo | Scenario::FanOut | Scenario::Idle | Scenario::Stalled => Ok(()),
        }
    }

    /// Whether another message may be sent.
    pub fn has_room(&self) -> bool {
        self.peer.sent - self.peer.received < self.peer.sent_at.len() as u64
    }

    /// Sends one message now.
    pub fn send(&mut self, shared: &mut Shared) -> Result<()> {
        self.send_later(shared);
        self.flush()
    }

    fn send_later(&mut self, shared: &mut Shared) {
        if let Some(connection) = &mut self.connection {
            self.peer.send(connection.out(), shared);
        }
    }

    fn flush(&mut self) -> Result<()> {
        self.connection.as_mut().map_or(Ok(()), Connection::flush)
    }

    pub fn on_event(&mut self, event: &Event, shared: &mut Shared) -> Result<()> {
        let Some(connection) = &mut self.connection else {
            return Ok(());
        };
        let mut buffer = std::mem::take(&mut shared.buffer);
        let progress = loop {
            let progress =
                connection.read(&mut buffer, |bytes, out| self.peer.take(bytes, out, shared));
            match progress {
                Ok(Progress::More) => {}
                // The end has arrived with the last bytes, so that no event will report it.
                Ok(Progress::Drained) if event.is_read_closed() => {}
                other => break other,
            }
        };
        shared.buffer = buffer;
        if progress? == Progress::Closed {
            return self.closed(shared);
        }
        self.flush()
    }

    fn closed(&mut self, shared: &mut Shared) -> Result<()> {
        let state = std::mem::replace(&mut self.peer.state, State::Closed);
        self.connection = None;
        ensure!(
            state == State::CloseAnswered,
            "the server ended the connection in state {state:?}"
        );
        shared.finish(self.peer.opened_at);
        if shared.sending {
            self.open(shared)
        } else {
            shared.stats.under_way -= 1;
            Ok(())
        }
    }
}

impl Peer {
    fn send(&mut self, out: &mut Vec<u8>, shared: &mut Shared) {
        let slot = self.sent % self.sent_at.len() as u64;
        // It is less than the length of a slice.
        self.sent_at[usize::try_from(slot).unwrap_or(0)] = shared.now;
        shared
            .outgoing
            .push(payload::id(self.index, self.sent), out);
        self.sent += 1;
        match shared.args.scenario {
            Scenario::Echo => shared.stats.under_way += 1,
            Scenario::FanOut => {
                let members = shared.args.members.unwrap_or(shared.args.connections);
                shared.stats.under_way += members;
                let sender = &mut shared.fan_out.senders[self.index];
                sender.sent_at = shared.now;
                sender.missing = members;
            }
            Scenario::Churn | Scenario::Idle | Scenario::Stalled => {}
        }
    }

    /// Reads complete frames, and returns their length in bytes.
    fn take(&mut self, bytes: &[u8], out: &mut Vec<u8>, shared: &mut Shared) -> Result<usize> {
        let mut rest = bytes;
        if self.state == State::Handshake {
            let Some(end) = memchr::memmem::find(rest, b"\r\n\r\n") else {
                return Ok(0);
            };
            check_handshake(&rest[..end + 4])?;
            rest = &rest[end + 4..];
            self.state = State::Greeting;
            if shared.args.protocol == Protocol::RawWebsocket {
                self.opened(out, shared);
            }
        }
        while let Some(frame) = frame::parse(rest)? {
            match frame.opcode {
                TEXT => self.text(frame.payload, out, shared)?,
                PING => frame::push(PONG, frame.payload, out),
                CLOSE if self.state == State::Closing => self.state = State::CloseAnswered,
                CLOSE => bail!("the server closed: {}", excerpt(frame.payload)),
                _ => {}
            }
            rest = &rest[frame.len..];
        }
        Ok(bytes.len() - rest.len())
    }

    fn opened(&mut self, out: &mut Vec<u8>, shared: &mut Shared) {
        self.state = State::Open;
        if shared.args.scenario == Scenario::Churn {
            self.send(out, shared);
        } else {
            shared.ready += 1;
        }
    }

    fn text(&mut self, text: &[u8], out: &mut Vec<u8>, shared: &mut Shared) -> Result<()> {
        match (shared.args.protocol, text) {
            (Protocol::Websocket, [b'a', array @ ..]) => {
                return each_message(array, |bytes| self.message(bytes, out, shared));
            }
            (Protocol::Websocket, b"h") => {}
            (Protocol::SocketIo, b"2") => frame::push(TEXT, b"3", out),
            (Protocol::SocketIo, [b'0', ..]) if self.state == State::Greeting => {
                frame::push(TEXT, b"40", out);
            }
            (Protocol::Websocket, b"o") | (Protocol::SocketIo, [b'4', b'0', ..])
                if self.state == State::Greeting =>
            {
                self.opened(out, shared);
            }
            (Protocol::RawWebsocket, _) | (Protocol::SocketIo, [b'4', b'2', ..]) => {
                let len = self.message(text, out, shared)?;
                ensure!(
                    len == text.len(),
                    "after a message: {}",
                    excerpt(&text[len..])
                );
            }
            _ => bail!("unexpected in state {:?}: {}", self.state, excerpt(text)),
        }
        Ok(())
    }

    /// Checks the message at the beginning of `bytes`, and returns its length.
    fn message(&mut self, bytes: &[u8], out: &mut Vec<u8>, shared: &mut Shared) -> Result<usize> {
        ensure!(
            self.state == State::Open,
            "a message in state {:?}: {}",
            self.state,
            excerpt(bytes)
        );
        if shared.args.scenario == Scenario::FanOut {
            return self.delivery(bytes, shared);
        }
        ensure!(
            self.received < self.sent,
            "a message that was never sent: {}",
            excerpt(bytes)
        );
        let len = shared.expect(payload::id(self.index, self.received), bytes)?;
        let slot = self.received % self.sent_at.len() as u64;
        let since = self.sent_at[usize::try_from(slot).unwrap_or(0)];
        self.received += 1;
        if shared.args.scenario == Scenario::Churn {
            frame::push(CLOSE, &1000_u16.to_be_bytes(), out);
            self.state = State::Closing;
            return Ok(len);
        }
        shared.stats.under_way -= 1;
        shared.finish(since);
        if shared.closed_loop() {
            self.send(out, shared);
        }
        Ok(len)
    }

    /// Checks one copy of a sender's message.
    fn delivery(&mut self, bytes: &[u8], shared: &mut Shared) -> Result<usize> {
        let sender = shared.incoming.id(bytes).map(|id| payload::split_id(id).0);
        let sender = sender
            .filter(|sender| *sender < self.next.len())
            .with_context(|| format!("no message of a sender: {}", excerpt(bytes)))?;
        let next = self.next[sender]
            .as_mut()
            .with_context(|| format!("a message for another room: {}", excerpt(bytes)))?;
        let len = shared.expect(payload::id(sender, *next), bytes)?;
        *next += 1;
        let state = &mut shared.fan_out.senders[sender];
        state.missing -= 1;
        let since = state.sent_at;
        if state.missing == 0 {
            shared.fan_out.done.push(sender);
        }
        shared.stats.under_way -= 1;
        shared.finish(since);
        Ok(len)
    }
}

fn check_handshake(head: &[u8]) -> Result<()> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    response.parse(head).context("a broken handshake")?;
    ensure!(
        response.code == Some(101),
        "the handshake was refused: {}",
        excerpt(head)
    );
    let accept = response
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("sec-websocket-accept"));
    ensure!(
        accept.is_some_and(|header| header.value == ACCEPT.as_bytes()),
        "a handshake with a wrong Sec-WebSocket-Accept: {}",
        excerpt(head)
    );
    Ok(())
}

/// The example of RFC 6455, 1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
