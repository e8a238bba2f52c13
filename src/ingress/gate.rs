//! Decides, at each request boundary of a taken connection, whether Rust or Node handles the next request.
//!
//! hyper cannot give back bytes that it has read. So the gate holds bytes until it has a whole head. If the request is
//! for a service here, and plain (all servers would read it in the same way), exactly its head and body pass to hyper.
//! Otherwise the stream ends for hyper, and Node gets the held bytes unchanged.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use hyper::rt::ReadBufCursor;
use memchr::memchr_iter;

use super::http_conn::HttpConn;
use super::http_conn_state::Reading;
use super::installation::Installation;
use crate::server::ServiceInUse;
use crate::server::io::with_read_buffer;
use crate::server::socket::Polled;

/// Where the next request goes, judged by its first bytes.
#[derive(Debug)]
pub enum Verdict {
    /// The head is not complete.
    Unknown,
    /// To Node.
    Foreign,
    /// To this service. Head and body have this many bytes.
    Ours(Arc<ServiceInUse>, usize),
}

/// The stream that hyper reads and writes.
#[derive(Debug)]
pub struct Gate {
    socket: Polled,
    installation: Arc<Installation>,
    http_conn: Arc<HttpConn>,
    held: BytesMut,
    /// Bytes at the start of `held` in which no end of a head was found.
    scanned: usize,
}

/// While a request is being answered, reading stops when this many bytes of later requests are held.
const HOLD_MAX: usize = 64 << 10;
/// Headers of a plain request. One with more goes to Node, whose own bound is higher.
const MAX_HEADERS: usize = 64;

impl Gate {
    /// A gate in front of `socket`. `read` has the bytes that Node has already read from it.
    pub fn new(
        socket: Polled,
        installation: Arc<Installation>,
        http_conn: Arc<HttpConn>,
        read: &[u8],
    ) -> Self {
        Self {
            socket,
            installation,
            http_conn,
            held: read.into(),
            scanned: 0,
        }
    }

    /// Ends the stream for hyper, and gives the held bytes to Node.
    fn refuse(&mut self) {
        self.http_conn.give_back(self.held.split().into());
    }

    fn fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let filled: Poll<io::Result<usize>> = with_read_buffer(|buffer| {
            let read = ready!(self.socket.poll_read(cx, buffer))?;
            self.held.extend_from_slice(&buffer[..read]);
            Poll::Ready(Ok(read))
        });
        if let Poll::Ready(Err(error)) = &filled
            && let Some(number) = error.raw_os_error()
        {
            self.http_conn.read_fails(number);
        }
        filled
    }

    /// Judges the held bytes. Looks for the end of the head only in new ones.
    fn judge(&mut self) -> Verdict {
        let new = &self.held[self.scanned.saturating_sub(2)..];
        let complete = memchr_iter(b'\n', new)
            .map(|at| &new[at + 1..])
            .any(|next| next.starts_with(b"\n") || next.starts_with(b"\r\n"));
        self.scanned = self.held.len();
        if complete {
            return judge(&self.held, &self.installation);
        }
        if self.held.len() > self.installation.max_header_size() {
            return Verdict::Foreign;
        }
        Verdict::Unknown
    }
}

/// Judges the request with which `bytes` begin.
pub fn judge(bytes: &[u8], installation: &Installation) -> Verdict {
    // A parser may skip an empty line before a request (RFC 9112, section 2.2), so Node decides.
    if bytes.first().is_some_and(|byte| b"\r\n".contains(byte)) {
        return Verdict::Foreign;
    }
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let head = match request.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => head,
        Ok(httparse::Status::Partial) => return Verdict::Unknown,
        Err(_) => return Verdict::Foreign,
    };
    let (Some(method), Some(target), Some(1)) = (request.method, request.path, request.version)
    else {
        return Verdict::Foreign;
    };
    if head > installation.max_header_size()
        || !is_plain_target(target)
        || has_bare_line_feed(&bytes[..head])
    {
        return Verdict::Foreign;
    }
    let Some(body) = plain_body_len(method, request.headers) else {
        return Verdict::Foreign;
    };
    match installation.claim_plain(target) {
        // If the service does not read the body, parts of it may arrive during the response. hyper does not read them,
        // so it would not notice that the client leaves, and would close the connection after the response.
        Some(service) if body > 0 && !service.reads_body(method, target) => Verdict::Foreign,
        Some(service) => match head.checked_add(body) {
            Some(len) => Verdict::Ours(service, len),
            None => Verdict::Foreign,
        },
        None => Verdict::Foreign,
    }
}

/// Whether a line ends without a carriage return, which httparse and hyper accept and Node refuses.
fn has_bare_line_feed(head: &[u8]) -> bool {
    memchr_iter(b'\n', head).any(|at| !head[..at].ends_with(b"\r"))
}

/// Whether the target is a path whose bytes mean the same to every parser.
fn is_plain_target(target: &str) -> bool {
    target.starts_with('/')
        && !target.starts_with("//")
        && target
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~!$&()*+,;=:@/%?".contains(&byte))
}

/// The length of the body of a plain request; `None` if servers could read the headers differently.
fn plain_body_len(method: &str, headers: &[httparse::Header<'_>]) -> Option<usize> {
    let mut hosts = 0;
    let mut length = None;
    for (index, header) in headers.iter().enumerate() {
        let name = header.name;
        let repeated = headers[..index]
            .iter()
            .any(|other| other.name.eq_ignore_ascii_case(name));
        if repeated {
            return None;
        }
        match name.len() {
            4 if name.eq_ignore_ascii_case("host") => hosts += 1,
            14 if name.eq_ignore_ascii_case("content-length") => {
                length = Some(decimal(header.value)?);
            }
            10 if name.eq_ignore_ascii_case("connection") => {
                let value = header.value;
                if !value.eq_ignore_ascii_case(b"keep-alive")
                    && !value.eq_ignore_ascii_case(b"close")
                {
                    return None;
                }
            }
            _ if [
                "expect",
                "transfer-encoding",
                "upgrade",
                "te",
                "trailer",
                "http2-settings",
            ]
            .iter()
            .any(|refused| name.eq_ignore_ascii_case(refused)) =>
            {
                return None;
            }
            _ => {}
        }
    }
    if hosts != 1 {
        return None;
    }
    match (method, length) {
        ("GET" | "OPTIONS", None | Some(0)) => Some(0),
        ("POST", length) => Some(length.unwrap_or(0)),
        _ => None,
    }
}

fn decimal(value: &[u8]) -> Option<usize> {
    let digits = !value.is_empty() && value.len() < 16 && value.iter().all(u8::is_ascii_digit);
    digits.then(|| {
        value
            .iter()
            .fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'))
    })
}

impl hyper::rt::Read for Gate {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut to: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            match this.http_conn.reading() {
                Reading::Over => return Poll::Ready(Ok(())),
                Reading::Head => match this.judge() {
                    Verdict::Ours(service, len) => {
                        this.http_conn.begin(service, len);
                        this.scanned = 0;
                    }
                    Verdict::Foreign => this.refuse(),
                    Verdict::Unknown => {
                        this.http_conn.wait_for_head(!this.held.is_empty());
                        if ready!(this.fill(cx))? > 0 {
                            this.http_conn.head_grows();
                        } else if this.held.is_empty() {
                            this.http_conn.client_closes(cx.waker());
                        } else {
                            this.refuse();
                        }
                    }
                },
                Reading::Request(left) => {
                    if this.held.is_empty() && ready!(this.fill(cx))? == 0 {
                        this.http_conn.client_closes(cx.waker());
                        continue;
                    }
                    let len = left.min(this.held.len()).min(to.remaining());
                    to.put_slice(&this.held[..len]);
                    this.held.advance(len);
                    this.http_conn.passed(len);
                    return Poll::Ready(Ok(()));
                }
                Reading::Response => {
                    if !this.held.is_empty() {
                        this.http_conn.hold(cx.waker());
                    }
                    if this.held.len() >= HOLD_MAX {
                        return Poll::Pending;
                    }
                    // Reading continues during the response, to notice that the client leaves.
                    if ready!(this.fill(cx))? == 0 {
                        this.http_conn.client_closes(cx.waker());
                    }
                }
                // At the end of the stream hyper would drop the request, even one that has its answer already.
                Reading::Gone => return Poll::Pending,
            }
        }
    }
}

impl hyper::rt::Write for Gate {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.socket.poll_write(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.socket.poll_write(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.http_conn.has_flushed(cx.waker());
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A connection that goes back to Node stays open.
        if !self.http_conn.goes_back() {
            self.socket.socket().shutdown_write();
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
