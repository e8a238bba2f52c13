//! Response bodies for hyper.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use super::http_conn::HttpConn;
use crate::server::connection::Attachment;
use crate::server::frames::FrameBatch;
use crate::server::send_buffer::SendBuffer;

/// A response body. hyper drops it when it has been written or cannot be written. That completes the response, and
/// aborts a receiver whose response has not ended.
#[derive(Debug)]
pub(super) struct Body {
    content: Content,
    done: Done,
}

#[derive(Debug)]
enum Content {
    /// Sent with `Content-Length`.
    Full(Bytes),
    /// Complete, but sent as a chunk, because 0.3.24 does not state its length.
    Chunked(Bytes),
    /// Frames that are written while the response lasts. Each frame is a chunk.
    Stream {
        send_buffer: Arc<SendBuffer>,
        /// The frames that were taken from it and that hyper has not got yet.
        batch: Option<FrameBatch>,
        #[expect(dead_code, reason = "held to be dropped")]
        attachment: Option<Attachment>,
    },
}

/// Completes the response when it is dropped.
#[derive(Debug)]
struct Done(Arc<HttpConn>);

impl Drop for Done {
    fn drop(&mut self) {
        self.0.response_complete();
    }
}

impl Body {
    /// A body of known length.
    pub(super) fn full(bytes: Bytes, http_conn: Arc<HttpConn>) -> Self {
        Self {
            content: Content::Full(bytes),
            done: Done(http_conn),
        }
    }

    /// A body whose length is not stated.
    pub(super) fn chunked(bytes: Bytes, http_conn: Arc<HttpConn>) -> Self {
        Self {
            content: Content::Chunked(bytes),
            done: Done(http_conn),
        }
    }

    /// A body of all frames that are written to the send buffer, until its end.
    pub(super) fn stream(
        send_buffer: Arc<SendBuffer>,
        attachment: Option<Attachment>,
        http_conn: Arc<HttpConn>,
    ) -> Self {
        Self {
            content: Content::Stream {
                send_buffer,
                batch: None,
                attachment,
            },
            done: Done(http_conn),
        }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = &mut *self;
        let bytes = match &mut this.content {
            Content::Full(bytes) | Content::Chunked(bytes) => {
                Some(std::mem::take(bytes)).filter(|bytes| !bytes.is_empty())
            }
            Content::Stream {
                send_buffer, batch, ..
            } => {
                let http_conn = &this.done.0;
                let frame = batch.as_mut().and_then(FrameBatch::next);
                if frame.is_some() {
                    frame
                } else {
                    *batch = None;
                    match send_buffer.poll_take(cx) {
                        Poll::Ready(Some(taken)) => {
                            http_conn.hands_over();
                            batch.insert(taken).next()
                        }
                        Poll::Ready(None) if send_buffer.is_aborted() => return aborted(),
                        Poll::Ready(None) => None,
                        Poll::Pending if http_conn.is_client_gone() && send_buffer.is_idle() => {
                            return aborted();
                        }
                        Poll::Pending => return Poll::Pending,
                    }
                }
            }
        };
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.content, Content::Full(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Chunked(_) | Content::Stream { .. } => SizeHint::default(),
        }
    }
}

fn aborted() -> Poll<Option<io::Result<Frame<Bytes>>>> {
    Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())))
}
