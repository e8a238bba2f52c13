//! Responses of an HTTP/1.1 server, read piece by piece.

use anyhow::{Context, Result, bail, ensure};

/// Reads the responses of one keep-alive connection.
#[derive(Default)]
pub struct Reader {
    state: State,
}

/// The parts of a response, in this order.
#[derive(Clone, Copy)]
pub enum Part<'a> {
    /// The status, and whether the server will close the connection after this response.
    Head {
        status: u16,
        close: bool,
    },
    Body(&'a [u8]),
    End,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Head,
    /// The number of bytes that are missing of a body of known length.
    Length(usize),
    ChunkSize,
    /// The number of bytes that are missing of a chunk.
    Chunk(usize),
    ChunkEnd,
    Trailer,
}

impl Reader {
    /// Whether a response is complete and the next has not begun.
    pub fn is_idle(&self) -> bool {
        self.state == State::Head
    }

    /// Reads as far as possible, and returns the number of `bytes` that are consumed.
    pub fn read(
        &mut self,
        bytes: &[u8],
        on_part: &mut impl FnMut(Part) -> Result<()>,
    ) -> Result<usize> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.state {
                State::Head => match self.head(rest, on_part)? {
                    Some(len) => rest = &rest[len..],
                    None => break,
                },
                State::Length(missing) | State::Chunk(missing) => {
                    let (body, after) = rest.split_at(missing.min(rest.len()));
                    on_part(Part::Body(body))?;
                    rest = after;
                    let missing = missing - body.len();
                    match self.state {
                        State::Length(_) if missing == 0 => self.end(on_part)?,
                        State::Length(_) => self.state = State::Length(missing),
                        _ if missing == 0 => self.state = State::ChunkEnd,
                        _ => self.state = State::Chunk(missing),
                    }
                }
                State::ChunkSize => match httparse::parse_chunk_size(rest) {
                    Ok(httparse::Status::Complete((len, size))) => {
                        rest = &rest[len..];
                        self.state = match usize::try_from(size)? {
                            0 => State::Trailer,
                            size => State::Chunk(size),
                        };
                    }
                    Ok(httparse::Status::Partial) => break,
                    Err(_) => bail!("a broken chunk size"),
                },
                State::ChunkEnd | State::Trailer => {
                    if rest.len() < 2 {
                        break;
                    }
                    ensure!(rest.starts_with(b"\r\n"), "a chunk without its end");
                    rest = &rest[2..];
                    if self.state == State::Trailer {
                        self.end(on_part)?;
                    } else {
                        self.state = State::ChunkSize;
                    }
                }
            }
        }
        Ok(bytes.len() - rest.len())
    }

    fn end(&mut self, on_part: &mut impl FnMut(Part) -> Result<()>) -> Result<()> {
        self.state = State::Head;
        on_part(Part::End)
    }

    /// The length of the head, once it is complete.
    fn head(
        &mut self,
        bytes: &[u8],
        on_part: &mut impl FnMut(Part) -> Result<()>,
    ) -> Result<Option<usize>> {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(len) = response.parse(bytes).context("a broken response")?
        else {
            return Ok(None);
        };
        let status = response.code.unwrap_or(0);
        let header = |name: &str| {
            let mut headers = response.headers.iter();
            let header = headers.find(|header| header.name.eq_ignore_ascii_case(name))?;
            std::str::from_utf8(header.value).ok()
        };
        let close = header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        self.state = if matches!(status, 101 | 204 | 304) {
            State::Length(0)
        } else if let Some(length) = header("content-length") {
            State::Length(length.parse().context("a broken Content-Length")?)
        } else if header("transfer-encoding") == Some("chunked") {
            State::ChunkSize
        } else {
            bail!("a response of unknown length, status {status}");
        };
        on_part(Part::Head { status, close })?;
        if self.state == State::Length(0) {
            self.end(on_part)?;
        }
        Ok(Some(len))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    const RESPONSES: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
        5\r\nhello\r\n1\r\n!\r\n0\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\
        HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

    fn read_all(step: usize) -> String {
        let mut reader = Reader::default();
        let mut seen = String::new();
        let mut kept = Vec::new();
        for piece in RESPONSES.chunks(step) {
            kept.extend_from_slice(piece);
            let used = reader
                .read(&kept, &mut |part| {
                    match part {
                        Part::Head { status, close } => {
                            write!(seen, "<{status} {close}>").unwrap();
                        }
                        Part::Body(body) => seen += std::str::from_utf8(body).unwrap(),
                        Part::End => seen += ";",
                    }
                    Ok(())
                })
                .unwrap();
            kept.drain(..used);
        }
        assert!(kept.is_empty() && reader.is_idle());
        seen
    }

    #[test]
    fn responses_may_be_split_anywhere() {
        for step in 1..=RESPONSES.len() {
            assert_eq!(
                read_all(step),
                "<200 false>hello!;<204 false>;<200 true>ok;"
            );
        }
    }
}
