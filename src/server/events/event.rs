//! The events.

use std::any::Any;
use std::sync::Arc;

use crate::protocol::transport::Transport;
use crate::server::socket::Traffic;
use crate::server::taken_sockets::Returned;

/// The request with which a client receives, as far as `Connection` shows it to the application.
#[derive(Debug)]
pub enum RequestInfo {
    /// JavaScript has the request object.
    Node {
        /// Its number in JavaScript.
        id: u32,
        /// The transport of the request.
        transport: Transport,
    },
    /// Rust has read the request.
    Request {
        /// The taken socket on which it came.
        taken_id: u32,
        /// `{url, pathname, protocol, headers}`. JavaScript parses it when the application reads one of them.
        json: String,
        /// The request with all of its headers, in latin1 ([`crate::server::head::Head::whole`]), if JavaScript may
        /// ask for it, which it can only while it handles the event.
        whole: Option<Vec<u8>>,
    },
}

/// A message. Its contents are in the buffers of its batch.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    /// The key of its connection.
    pub key: u32,
    /// Its form, which says in which buffer it is.
    pub form: Form,
    /// The index in that buffer where it begins.
    pub start: usize,
    /// The index after its end.
    pub end: usize,
}

/// Forms of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A string of ASCII characters only, in `EventBatch::bytes`.
    Ascii,
    /// A string that may have other characters, in `EventBatch::wide`.
    Wide,
    /// A value that is not a string: JSON text in `EventBatch::bytes`.
    Value,
    /// Binary, in `EventBatch::bytes`.
    Binary,
}

/// One thing that happened. A `key` names a connection.
#[derive(Debug)]
pub enum Event {
    /// A session opened.
    Open {
        /// The key of the new connection.
        key: u32,
        /// The service that it belongs to.
        service: u32,
        /// The [`Connection`](crate::server::connection::Connection) itself. The queue only passes it on: it does not know
        /// that type, because connections use the queue.
        connection: Arc<dyn Any + Send + Sync>,
        /// The request that opened it.
        request_info: RequestInfo,
    },
    /// Another request is the receiver of an open session.
    Attached {
        /// The connection of the session.
        key: u32,
        /// The request.
        request_info: RequestInfo,
    },
    /// The client has sent something.
    Message(Message),
    /// The client has ended its websocket. JavaScript has to call `Connection::finish_client_close`.
    ClientClose(u32),
    /// The server began to close the session by itself.
    Closing(u32),
    /// The session is over. The key is free once this has been handled.
    Closed(u32),
    /// All bytes that waited for the client have left, so the application may write more.
    Drain(u32),
    /// Bytes wait in the send buffer with this id, which JavaScript writes.
    Output(u32),
    /// A taken socket has ended. JavaScript has to destroy its own socket object.
    Ended {
        /// Its id.
        taken_id: u32,
        /// What the socket has read and written.
        traffic: Traffic,
    },
    /// A taken HTTP connection goes back to Node.
    Returned(Returned),
    /// A service was removed from an http server, and its last request there is over.
    Left(u32),
    /// A line for the service's `log` function.
    Log {
        /// The service that logs.
        service: u32,
        /// How serious it is.
        severity: Severity,
        /// The line.
        line: String,
    },
}

/// How serious a line for the `log` function is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// A request.
    Info,
    /// Something failed.
    Error,
}

impl Severity {
    /// All of them, by their numbers.
    pub const ALL: [Self; 2] = [Self::Info, Self::Error];

    /// The first argument of the `log` function.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Error => "error",
        }
    }
}

impl Event {
    /// The key of the connection that the event is about, if it is about one.
    pub fn key(&self) -> Option<u32> {
        match self {
            Self::Message(message) => Some(message.key),
            Self::Open { key, .. }
            | Self::Attached { key, .. }
            | Self::ClientClose(key)
            | Self::Closing(key)
            | Self::Closed(key)
            | Self::Drain(key) => Some(*key),
            Self::Output(_)
            | Self::Ended { .. }
            | Self::Returned(_)
            | Self::Left(_)
            | Self::Log { .. } => None,
        }
    }

    /// Bytes that the event holds on the heap.
    pub(super) fn held(&self) -> usize {
        match self {
            Self::Open { request_info, .. } | Self::Attached { request_info, .. } => {
                match request_info {
                    RequestInfo::Request { json, whole, .. } => {
                        json.len() + whole.as_ref().map_or(0, Vec::len)
                    }
                    RequestInfo::Node { .. } => 0,
                }
            }
            Self::Returned(returned) => returned.bytes.len(),
            Self::Log { line, .. } => line.len(),
            _ => 0,
        }
    }
}
