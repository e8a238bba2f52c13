//! The numbers and names that both sides use. They are declared here; `lib/native.js` reads them when it is loaded.

#![expect(unreachable_pub, reason = "napi accepts public items only")]
#![cfg_attr(
    test,
    allow(dead_code, reason = "without the addon nothing is exported")
)]

use http::HeaderName;
use napi_derive::napi;

use super::request_text::{REQUEST_HEADERS, UPGRADE_HEADERS};
use crate::protocol::hixie::KEY_3;
use crate::protocol::transport::Transport;
use crate::server::events::Severity;
use crate::server::head::SHOWN_HEADERS;

/// Numbers for each event in the table that `drain` fills: its kind, and three that the kind defines.
#[napi]
pub const COLUMNS: u32 = 4;

/// Kinds of events. The comments list the three numbers, and the value if there is one. A key is the number of a
/// session; an id is the number that JavaScript has given to a request or to a taken socket.
#[napi(object_from_js = false)]
pub enum EventKind {
    /// A request in Node opened a session: key, service, transport; value: the id of the request.
    OpenNode,
    /// A request on a taken socket opened a session: key, service, id of the socket; value: what the connection shows of
    /// the request, as JSON text.
    Open,
    /// A request in Node is the new receiver of a session: key, id of the request, transport.
    AttachedNode,
    /// The same for a request on a taken socket: key, 0, id of the socket; value: as for `Open`.
    Attached,
    /// A message: key, its index in the batch, 0. The native function `message` returns it.
    Message,
    /// The same for a message that is JSON text of a value.
    Value,
    /// The server has begun to close a session: key, 0, 0.
    Closing,
    /// A session has ended: key, 0, 0.
    Closed,
    /// All bytes that waited for the client have left: key, 0, 0.
    Drain,
    /// Bytes wait for the client of a request or websocket on the bridge: id, 0, 0.
    Output,
    /// A taken socket has ended: id, bytes read, bytes written; or id, 0, 0, and the value is an array of the two, if they
    /// do not fit 32 bits.
    Ended,
    /// A taken HTTP connection goes back to Node: id, descriptor, fault; value: an array of bytes read, bytes written and
    /// the bytes that Node has to parse.
    Returned,
    /// A line for the log: service, severity, 0; value: the line.
    Log,
    /// The client has ended its websocket: key, 0, 0.
    ClientClose,
    /// A service has left an http server: service, 0, 0.
    Left,
}

/// The answer to a request on the bridge: bits, above the ten bits of the status.
#[napi]
pub mod answer {
    /// In place of a status: read the body.
    #[napi]
    pub const READ_BODY: u32 = 0;
    /// In place of a status: give the body again when the connection is resumed.
    #[napi]
    pub const WAIT: u32 = 1;
    /// The bits of the status.
    #[napi]
    pub const STATUS: u32 = 0x3ff;
    /// The request has opened a session.
    #[napi]
    pub const OPENED: u32 = 1 << 10;
    /// The response is complete with its body, if it has one.
    #[napi]
    pub const WHOLE: u32 = 1 << 11;
    /// There is a body: that of a complete response in `bridgeWholeBody`, or else the first bytes in `bridgeTake`.
    #[napi]
    pub const BODY: u32 = 1 << 12;
    /// The headers under this number have changed.
    #[napi]
    pub const NEW_HEADERS: u32 = 1 << 13;
    /// The position of the number of the headers.
    #[napi]
    pub const HEADERS_SHIFT: u32 = 16;
}

/// Results of `bridgeTake` that are not a number of bytes.
#[napi]
pub mod take {
    /// The server has given up the client.
    #[napi]
    pub const GIVEN_UP: i32 = i32::MIN;
    /// The next frame is larger than the buffer.
    #[napi]
    pub const LARGE: i32 = i32::MIN + 1;
}

/// Why Node cannot continue with a taken HTTP connection that comes back. Below 0: reading failed with this error number of
/// the system.
#[napi]
pub mod fault {
    /// Node can continue.
    #[napi]
    pub const NONE: i32 = 0;
    /// A request took longer than `headersTimeout` or `requestTimeout`.
    #[napi]
    pub const REQUEST_TIMEOUT: i32 = 1;
    /// The client has closed its side in the middle of a body.
    #[napi]
    pub const UNEXPECTED_END: i32 = 2;
}

/// What `upgrade` has done with a request.
#[napi(object_from_js = false)]
pub enum Upgraded {
    /// Nothing: serve it as the same request without `Upgrade`.
    Plain,
    /// Refused it: write the response and close the connection.
    Refused,
    /// The third key of Hixie-76 has to be answered first: write the response, and call again with the challenge when
    /// `KEY_LENGTH` bytes have been read.
    NeedsKey,
    /// Opened the websocket and taken its socket.
    Taken,
    /// Opened the websocket on the bridge.
    Bridged,
}

/// The length in bytes of the third key of Hixie-76.
#[napi]
#[expect(clippy::cast_possible_truncation, reason = "it is 8")]
pub const KEY_LENGTH: u32 = KEY_3 as u32;

/// Names that are sent once.
#[napi(object, object_from_js = false)]
pub struct Names {
    /// Transports, by their numbers.
    pub transports: Vec<&'static str>,
    /// Severities of lines for the log, by their numbers.
    pub severities: Vec<&'static str>,
    /// The headers that `bridgeRequest` expects, in this order.
    pub request_headers: Vec<&'static str>,
    /// The headers that `upgrade` expects, in this order.
    pub upgrade_headers: Vec<&'static str>,
    /// The headers that a connection shows.
    pub shown_headers: Vec<&'static str>,
}

/// Returns the names.
#[napi]
pub fn names() -> Names {
    Names {
        transports: Transport::ALL.map(Transport::protocol).to_vec(),
        severities: Severity::ALL.map(Severity::name).to_vec(),
        request_headers: texts(&REQUEST_HEADERS),
        upgrade_headers: texts(&UPGRADE_HEADERS),
        shown_headers: texts(&SHOWN_HEADERS),
    }
}

fn texts(names: &'static [HeaderName]) -> Vec<&'static str> {
    names.iter().map(HeaderName::as_str).collect()
}
