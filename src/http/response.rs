//! The complete answers of sockjs 0.3.24, and the heads of those whose body is streamed.
//!
//! Most take the route's base headers ([`ResponsePolicy::base_headers`]): in 0.3.24 all answers of a route have them,
//! errors too.
//!
//! [`ResponsePolicy::base_headers`]: super::response_policy::ResponsePolicy::base_headers

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use super::headers::{CACHE_SECONDS, allow_origin, request_header, set};
use crate::protocol::handshake::HandshakeError;
use crate::protocol::json::PayloadError;
use crate::protocol::transport::{Cors, HttpTransport, Sender};

/// Why a request to an existing route gets a 500, with a short text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The body is missing or not an array, or its content type is not accepted.
    PayloadExpected,
    BrokenJson,
    CallbackRequired,
    InvalidCallback,
}

impl Refusal {
    pub fn message(self) -> &'static str {
        match self {
            Self::PayloadExpected => "Payload expected.",
            Self::BrokenJson => "Broken JSON encoding.",
            Self::CallbackRequired => "\"callback\" parameter required",
            Self::InvalidCallback => "invalid \"callback\" parameter",
        }
    }

    pub fn response(self, base_headers: HeaderMap) -> Response<Bytes> {
        error(
            StatusCode::INTERNAL_SERVER_ERROR,
            self.message(),
            base_headers,
        )
    }
}

impl From<PayloadError> for Refusal {
    fn from(error: PayloadError) -> Self {
        match error {
            PayloadError::Broken => Self::BrokenJson,
            PayloadError::NotArray => Self::PayloadExpected,
        }
    }
}

/// The 400 of a websocket handshake.
///
/// `upgrade` is whether Node sees the request as an upgrade; if not, its connection can be reused. In 0.3.24,
/// [`HandshakeError::NotWebsocket`] and [`HandshakeError::RawVersion`] are answered by sockjs, the others by
/// faye-websocket.
pub fn bad_handshake(error: &HandshakeError, upgrade: bool) -> Response<Bytes> {
    let mut headers = HeaderMap::new();
    let faye = |headers: &mut HeaderMap, text: String| {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        headers.insert(CONTENT_LENGTH, text.len().into());
        text.into()
    };
    let body = match error {
        HandshakeError::NotWebsocket => Bytes::from_static(b"Not a valid websocket request"),
        HandshakeError::RawVersion => {
            Bytes::from_static(b"Only supported WebSocket protocol is RFC 6455.")
        }
        HandshakeError::Version(version) => faye(
            &mut headers,
            format!("Unsupported WebSocket version: {version}"),
        ),
        HandshakeError::MissingKey => faye(
            &mut headers,
            "Missing handshake request header: Sec-WebSocket-Key".into(),
        ),
        HandshakeError::Extensions(list) => faye(
            &mut headers,
            format!("Invalid Sec-WebSocket-Extensions header: {list}"),
        ),
        HandshakeError::MissingHixieKey(name) => {
            faye(&mut headers, format!("Missing required header: {name}"))
        }
        HandshakeError::HixieKeys => faye(
            &mut headers,
            "Client sent invalid Sec-WebSocket-Key headers".into(),
        ),
    };
    if upgrade
        && matches!(
            error,
            HandshakeError::NotWebsocket | HandshakeError::RawVersion
        )
    {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    respond(StatusCode::BAD_REQUEST, headers, body)
}

pub fn welcome(base_headers: HeaderMap) -> Response<Bytes> {
    plain(StatusCode::OK, "Welcome to SockJS!\n", base_headers)
}

/// The 404 of an unknown path, a disabled transport, and a send to an unknown session.
pub fn not_found(base_headers: HeaderMap) -> Response<Bytes> {
    plain(
        StatusCode::NOT_FOUND,
        "404 Error: Page not found\n",
        base_headers,
    )
}

/// `allow` comes from [`Resolved::MethodNotAllowed`](super::route::Resolved::MethodNotAllowed). There are no base
/// headers, because no route was chosen.
pub fn method_not_allowed(allow: &str) -> Response<Bytes> {
    let mut headers = HeaderMap::new();
    set(&mut headers, header::ALLOW, allow.as_bytes());
    respond(StatusCode::METHOD_NOT_ALLOWED, headers, Bytes::new())
}

/// The body exceeds `max_message_size`, an option that 0.3.24 does not have.
pub fn payload_too_large(base_headers: HeaderMap) -> Response<Bytes> {
    plain(
        StatusCode::PAYLOAD_TOO_LARGE,
        "Payload too large.\n",
        base_headers,
    )
}

/// Too many requests wait already, because the application has paused the connection.
pub fn too_many_waiting(base_headers: HeaderMap) -> Response<Bytes> {
    plain(
        StatusCode::SERVICE_UNAVAILABLE,
        "Too many requests wait.\n",
        base_headers,
    )
}

/// An error without a content type: it has the base headers only.
pub fn error(
    status: StatusCode,
    message: &'static str,
    base_headers: HeaderMap,
) -> Response<Bytes> {
    respond(status, base_headers, Bytes::from_static(message.as_bytes()))
}

/// The answer to a sending request whose messages have been delivered.
pub fn sent(sender: Sender, mut base_headers: HeaderMap) -> Response<Bytes> {
    match sender {
        Sender::Xhr => {
            base_headers.insert(CONTENT_TYPE, HeaderValue::from_static(TEXT));
            respond(StatusCode::NO_CONTENT, base_headers, Bytes::new())
        }
        Sender::Jsonp => {
            base_headers.insert(CONTENT_LENGTH, 2.into());
            plain(StatusCode::OK, "ok", base_headers)
        }
    }
}

/// The answer to `OPTIONS`; `/info` allows GET, all other routes POST.
pub fn options(mut base_headers: HeaderMap, info: bool) -> Response<Bytes> {
    let methods = if info {
        "OPTIONS, GET"
    } else {
        "OPTIONS, POST"
    };
    base_headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static(methods),
    );
    base_headers.insert(header::ACCESS_CONTROL_MAX_AGE, CACHE_SECONDS.into());
    respond(StatusCode::NO_CONTENT, base_headers, Bytes::new())
}

/// The head of the response to a receiving request. The wrapper's prelude and frames follow.
pub fn receiver_head(
    http: &HttpTransport,
    mut headers: HeaderMap,
    request: &HeaderMap,
) -> Response<()> {
    if http.cors == Cors::Always {
        let origin = request_header(request, &header::ORIGIN).filter(|origin| **origin != *b"null");
        allow_origin(&mut headers, origin.as_deref(), request);
    }
    if http.nosniff {
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(http.content_type));
    respond(StatusCode::OK, headers, ())
}

/// The head of the answer to `/chunking_test`. The [`CHUNKS`] follow.
pub fn chunking_test_head(mut base_headers: HeaderMap) -> Response<()> {
    base_headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/javascript; charset=UTF-8"),
    );
    respond(StatusCode::OK, base_headers, ())
}

/// The body of `/chunking_test`: chunks, each with its delay after the one before in milliseconds.
pub const CHUNKS: [(u64, &[u8]); 7] = [
    (0, b"h\n"),
    (1, &PADDED_CHUNK),
    (5, b"h\n"),
    (25, b"h\n"),
    (125, b"h\n"),
    (625, b"h\n"),
    (3125, b"h\n"),
];

const PADDED_CHUNK: [u8; 2050] = {
    let mut chunk = [b' '; 2050];
    chunk[2048] = b'h';
    chunk[2049] = b'\n';
    chunk
};

fn plain(status: StatusCode, text: &'static str, mut headers: HeaderMap) -> Response<Bytes> {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(TEXT));
    respond(status, headers, Bytes::from_static(text.as_bytes()))
}

pub(super) fn respond<B>(status: StatusCode, headers: HeaderMap, body: B) -> Response<B> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

const TEXT: &str = "text/plain; charset=UTF-8";

#[cfg(test)]
#[path = "response_tests.rs"]
mod tests;
