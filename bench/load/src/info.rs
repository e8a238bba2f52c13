//! `GET /info`, one request after the other on a keep-alive connection.

use crate::http::{Part, Reader};
use crate::session::HEADERS;
use crate::shared::{Shared, excerpt};
use crate::stream::{Connection, Progress};
use anyhow::{Result, bail, ensure};
use mio::Token;
use mio::event::Event;

pub struct Info {
    index: usize,
    connection: Option<Connection>,
    http: Reader,
    body: Vec<u8>,
    request: Vec<u8>,
    sent_at: u64,
    /// Whether a request has not been answered.
    waiting: bool,
}

impl Info {
    pub fn new(index: usize, shared: &Shared) -> Self {
        let request = format!("GET {}/info HTTP/1.1\r\n{HEADERS}\r\n", shared.args.prefix);
        Self {
            index,
            connection: None,
            http: Reader::default(),
            body: Vec::new(),
            request: request.into_bytes(),
            sent_at: 0,
            waiting: false,
        }
    }

    pub fn open(&mut self, shared: &mut Shared) -> Result<()> {
        self.connection = Some(shared.dialer.dial(Token(self.index * 2))?);
        shared.ready += 1;
        Ok(())
    }

    pub fn ask(&mut self, shared: &mut Shared) -> Result<()> {
        let Some(connection) = &mut self.connection else {
            return Ok(());
        };
        connection.out().extend_from_slice(&self.request);
        self.sent_at = shared.now;
        self.waiting = true;
        shared.stats.under_way += 1;
        connection.flush()
    }

    pub fn on_event(&mut self, event: &Event, shared: &mut Shared) -> Result<()> {
        let Some(connection) = &mut self.connection else {
            return Ok(());
        };
        let mut buffer = std::mem::take(&mut shared.buffer);
        let mut answered = false;
        let progress = loop {
            let progress = connection.read(&mut buffer, |bytes, _| {
                self.http.read(bytes, &mut |part| {
                    match part {
                        Part::Head { status, close } => {
                            ensure!(self.waiting, "an answer without a request");
                            ensure!(status == 200, "info is answered with {status}");
                            ensure!(!close, "info is answered with Connection: close");
                        }
                        Part::Body(body) => self.body.extend_from_slice(body),
                        Part::End => {
                            check(&self.body)?;
                            self.body.clear();
                            answered = true;
                        }
                    }
                    Ok(())
                })
            });
            match progress {
                Ok(Progress::More) => {}
                Ok(Progress::Drained) if event.is_read_closed() => {}
                other => break other,
            }
        };
        shared.buffer = buffer;
        if progress? == Progress::Closed {
            bail!("the server ended the connection");
        }
        connection.flush()?;
        if answered {
            self.waiting = false;
            shared.stats.under_way -= 1;
            shared.finish(self.sent_at);
            if shared.closed_loop() {
                return self.ask(shared);
            }
        }
        Ok(())
    }
}

/// Accepts the answer of sockjs 0.3.24, in which everything except the entropy is fixed.
fn check(body: &[u8]) -> Result<()> {
    let entropy = body
        .strip_prefix(br#"{"websocket":true,"origins":["*:*"],"cookie_needed":false,"entropy":"#)
        .and_then(|rest| rest.strip_suffix(b"}"));
    match entropy {
        Some([_, ..]) => Ok(()),
        _ => bail!("no info: {}", excerpt(body)),
    }
}
