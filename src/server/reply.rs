//! The answer to a request, and its line for the log.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{Response, StatusCode};

use super::connection::Attachment;
use super::context::Context;
use super::events::Severity;
use super::head::Head;
use super::send_buffer::SendBuffer;

/// An answer.
#[derive(Debug)]
pub enum Reply {
    /// A complete response. It is sent chunked unless it has a `Content-Length` or no body (204, 304).
    Full(Response<Bytes>),
    /// A head. The body is what is written to the send buffer, until its end. The attachment is kept until the client
    /// has disconnected.
    Stream {
        /// Status and headers.
        response: Response<()>,
        /// The body.
        send_buffer: Arc<SendBuffer>,
        /// Attaches the response to its session.
        attachment: Option<Attachment>,
    },
}

/// The line of a request in the log, without its status.
#[derive(Debug)]
pub(super) struct LogLine {
    /// Method and target, and when the request came; `None` if no lines are wanted.
    request: Option<(String, Instant)>,
}

impl LogLine {
    pub(super) fn new(context: &Context, head: &Head<'_>) -> Self {
        let line = || (format!("{} {}", head.method, head.target), Instant::now());
        Self {
            request: context.options.log.then(line),
        }
    }

    /// `status` is `None` for a response that continues, which 0.3.24 logs as `(unfinished)`.
    pub(super) fn write(self, context: &Context, status: Option<StatusCode>) {
        let Some((request, start)) = self.request else {
            return;
        };
        let elapsed = start.elapsed().as_millis();
        let status = status.map_or("(unfinished)".into(), |status| status.as_u16().to_string());
        context.log(Severity::Info, || format!("{request} {elapsed}ms {status}"));
    }
}
