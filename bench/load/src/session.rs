//! A `SockJS` session over HTTP: one connection receives, another sends.

use crate::args::Protocol;
use crate::http::{Part, Reader};
use crate::payload;
use crate::shared::{Shared, each_message, excerpt};
use crate::stream::{Connection, Progress};
use anyhow::{Context, Result, bail, ensure};
use mio::Token;
use mio::event::Event;

pub struct Session {
    receiver: Option<Connection>,
    receiver_http: Reader,
    sender: Option<Connection>,
    sender_http: Reader,
    inbox: Inbox,
    /// Whether the answer to an `xhr_send` is missing.
    posting: bool,
    sent: u64,
    post_head: Vec<u8>,
}

/// The receiving side, without its connection.
struct Inbox {
    index: usize,
    /// The request that is sent again after each response.
    request: Vec<u8>,
    open: bool,
    /// A line whose end has not arrived.
    line: Vec<u8>,
    received: u64,
    /// Messages of the current `xhr_send` whose echo is missing.
    missing: usize,
    sent_at: u64,
    /// The server will close the connection after this response.
    closing: bool,
}

impl Session {
    pub fn new(index: usize, shared: &Shared) -> Self {
        let in_flight = shared.args.in_flight;
        let base = format!("{}/000/s{index}", shared.args.prefix);
        let request = match shared.args.protocol {
            Protocol::Eventsource => format!("GET {base}/eventsource HTTP/1.1\r\n{HEADERS}\r\n"),
            Protocol::XhrStreaming => post(&format!("{base}/xhr_streaming"), 0),
            _ => post(&format!("{base}/xhr"), 0),
        };
        let body = in_flight * (shared.outgoing.len() + 1) + 1;
        Self {
            receiver: None,
            receiver_http: Reader::default(),
            sender: None,
            sender_http: Reader::default(),
            inbox: Inbox {
                index,
                request: request.into_bytes(),
                open: false,
                line: Vec::new(),
                received: 0,
                missing: 0,
                sent_at: 0,
                closing: false,
            },
            posting: false,
            sent: 0,
            post_head: post(&format!("{base}/xhr_send"), body).into_bytes(),
        }
    }

    pub fn open(&mut self, shared: &mut Shared) -> Result<()> {
        let token = self.inbox.index * 2;
        self.sender = Some(shared.dialer.dial(Token(token + 1))?);
        self.dial_receiver(shared)
    }

    fn dial_receiver(&mut self, shared: &mut Shared) -> Result<()> {
        let mut receiver = shared.dialer.dial(Token(self.inbox.index * 2))?;
        receiver.out().extend_from_slice(&self.inbox.request);
        self.receiver = Some(receiver);
        Ok(())
    }

    /// Posts the next messages, all in one `xhr_send`.
    pub fn post(&mut self, shared: &mut Shared) -> Result<()> {
        let sender = self.sender.as_mut().context("no connection to send on")?;
        let out = sender.out();
        out.extend_from_slice(&self.post_head);
        let in_flight = shared.args.in_flight;
        for number in 0..in_flight {
            out.push(if number == 0 { b'[' } else { b',' });
            let id = payload::id(self.inbox.index, self.sent);
            shared.outgoing.push(id, out);
            self.sent += 1;
        }
        out.push(b']');
        self.posting = true;
        self.inbox.missing = in_flight;
        self.inbox.sent_at = shared.now;
        shared.stats.under_way += in_flight;
        sender.flush()
    }

    /// `channel` is 0 for the receiving connection and 1 for the sending one.
    pub fn on_event(&mut self, channel: usize, event: &Event, shared: &mut Shared) -> Result<()> {
        let mut buffer = std::mem::take(&mut shared.buffer);
        let done = if channel == 0 {
            self.receive(&mut buffer, event, shared)
        } else {
            self.answered(&mut buffer, event)
        };
        shared.buffer = buffer;
        done?;
        if shared.closed_loop() && !self.posting && self.inbox.missing == 0 {
            self.post(shared)?;
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], event: &Event, shared: &mut Shared) -> Result<()> {
        let Some(receiver) = &mut self.receiver else {
            return Ok(());
        };
        loop {
            let progress = receiver.read(buffer, |bytes, out| {
                self.receiver_http
                    .read(bytes, &mut |part| self.inbox.take(part, out, shared))
            })?;
            match progress {
                Progress::Drained if !event.is_read_closed() => return receiver.flush(),
                Progress::More | Progress::Drained => {}
                Progress::Closed if self.inbox.closing && self.receiver_http.is_idle() => {
                    self.inbox.closing = false;
                    return self.dial_receiver(shared);
                }
                Progress::Closed => bail!("the server ended the receiving connection"),
            }
        }
    }

    fn answered(&mut self, buffer: &mut [u8], event: &Event) -> Result<()> {
        let Some(sender) = &mut self.sender else {
            return Ok(());
        };
        loop {
            let progress = sender.read(buffer, |bytes, _| {
                self.sender_http.read(bytes, &mut |part| match part {
                    Part::Head { status: 204, close } => {
                        ensure!(self.posting, "an answer without an xhr_send");
                        ensure!(!close, "xhr_send is answered with Connection: close");
                        Ok(())
                    }
                    Part::Head { status, .. } => bail!("xhr_send is answered with {status}"),
                    Part::Body(body) => bail!("xhr_send is answered with {}", excerpt(body)),
                    Part::End => {
                        self.posting = false;
                        Ok(())
                    }
                })
            })?;
            match progress {
                Progress::Drained if !event.is_read_closed() => return sender.flush(),
                Progress::More | Progress::Drained => {}
                Progress::Closed => bail!("the server ended the sending connection"),
            }
        }
    }
}

impl Inbox {
    fn take(&mut self, part: Part, out: &mut Vec<u8>, shared: &mut Shared) -> Result<()> {
        match part {
            Part::Head { status, close } => {
                ensure!(status == 200, "the receiver is answered with {status}");
                self.closing = close;
            }
            Part::Body(mut body) => {
                while let Some(end) = memchr::memchr(b'\n', body) {
                    if self.line.is_empty() {
                        self.on_line(&body[..end], shared)?;
                    } else {
                        let mut line = std::mem::take(&mut self.line);
                        line.extend_from_slice(&body[..end]);
                        self.on_line(&line, shared)?;
                        line.clear();
                        self.line = line;
                    }
                    body = &body[end + 1..];
                }
                self.line.extend_from_slice(body);
            }
            Part::End => {
                ensure!(
                    self.line.is_empty(),
                    "a response ends in {}",
                    excerpt(&self.line)
                );
                if !self.closing {
                    out.extend_from_slice(&self.request);
                }
            }
        }
        Ok(())
    }

    fn on_line(&mut self, line: &[u8], shared: &mut Shared) -> Result<()> {
        let frame = if shared.args.protocol == Protocol::Eventsource {
            let Some(line) = line.strip_suffix(b"\r") else {
                bail!("a line without \\r: {}", excerpt(line));
            };
            if line.is_empty() {
                return Ok(());
            }
            line.strip_prefix(b"data: ")
                .with_context(|| format!("no data: {}", excerpt(line)))?
        } else {
            line
        };
        match frame {
            b"o" if !self.open => {
                self.open = true;
                shared.ready += 1;
                Ok(())
            }
            b"h" => Ok(()),
            [b'a', array @ ..] => each_message(array, |bytes| {
                ensure!(
                    self.missing > 0,
                    "a message that was never sent: {}",
                    excerpt(bytes)
                );
                let len = shared.expect(payload::id(self.index, self.received), bytes)?;
                self.received += 1;
                self.missing -= 1;
                shared.stats.under_way -= 1;
                shared.finish(self.sent_at);
                Ok(len)
            }),
            prelude
                if shared.args.protocol == Protocol::XhrStreaming
                    && prelude.len() == PRELUDE
                    && prelude.iter().all(|byte| *byte == b'h') =>
            {
                Ok(())
            }
            _ => bail!("an unexpected frame: {}", excerpt(frame)),
        }
    }
}

fn post(path: &str, len: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\n{HEADERS}Content-Type: text/plain;charset=UTF-8\r\n\
         Content-Length: {len}\r\n\r\n"
    )
}

/// Bytes of the first line of `xhr_streaming`.
const PRELUDE: usize = 2048;
/// The headers of a browser, shortened.
pub const HEADERS: &str = "Host: localhost\r\nOrigin: http://localhost\r\n\
    User-Agent: sockjs-load\r\nAccept: */*\r\n";
