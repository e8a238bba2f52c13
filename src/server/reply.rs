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
    /// All of it. It is sent chunked unless it states its length or has no body (204, 304).
    Full(Response<Bytes>),
    /// A head, then what the send buffer gets until its end. The attachment is kept as long as the client
    /// is there.
    Stream {
        /// Status and headers.
        response: Response<()>,
        /// The body.
        send_buffer: Arc<SendBuffer>,
        /// The tie to the session.
        attachment: Option<Attachment>,
    },
}

/// A request's line for the log, complete but for its status.
#[derive(Debug)]
pub(super) struct LogLine {
    /// With the time when it came; `None` when nobody listens.
    request: Option<(String, Instant)>,
}

impl LogLine {
    pub(super) fn new(context: &Context, head: &Head<'_>) -> Self {
        let line = || (format!("{} {}", head.method, head.target), Instant::now());
        Self {
            request: context.options.log.then(line),
        }
    }

    /// 0.3.24 logs a response that goes on as `(unfinished)`.
    pub(super) fn write(self, context: &Context, status: Option<StatusCode>) {
        let Some((request, start)) = self.request else {
            return;
        };
        let elapsed = start.elapsed().as_millis();
        let status = status.map_or("(unfinished)".into(), |status| status.as_u16().to_string());
        context.log(Severity::Info, || format!("{request} {elapsed}ms {status}"));
    }
}
