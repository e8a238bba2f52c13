//! Judges upgrade requests.

use bytes::Bytes;
use http::{HeaderName, Response, header};

use super::head::Head;
use super::reply::LogLine;
use super::service::Service;
use crate::http::names::written;
use crate::http::response;
use crate::http::route::{Resolved, Route};
use crate::http::target::parse_target;
use crate::protocol::handshake::{Handshake, HandshakeError};
use crate::protocol::hixie::{self, Challenge};
use crate::protocol::transport::{Endpoint, Transport};
use crate::protocol::websocket_kind::WebsocketKind;

/// How to answer an upgrade request.
#[derive(Debug)]
pub enum Upgrade {
    /// As the same request without `Upgrade`. Then the connection closes.
    Plain,
    /// With these bytes. Then the connection closes.
    Refuse(Vec<u8>),
    /// With these bytes. Then the connection is a websocket.
    Accept {
        /// The protocol of the websocket.
        kind: WebsocketKind,
        /// The `101`.
        response: Vec<u8>,
        /// For Hixie-76: the third key follows, and its answer precedes everything else.
        challenge: Option<Challenge>,
    },
}

/// The kind of the websocket at a target, if the service has one there. A handshake of Hixie-76 changes the kind.
pub fn websocket_at(service: &Service, method: &str, target: &str) -> Option<WebsocketKind> {
    let kind = match service
        .router
        .resolve(method, &parse_target(target).pathname)
    {
        Resolved::Found(Route::RawWebsocket) => WebsocketKind::Raw,
        Resolved::Found(Route::Session {
            endpoint: Endpoint::Receive(Transport::Websocket),
            ..
        }) => WebsocketKind::Sockjs,
        _ => return None,
    };
    let is_served = service.context.options.allows(kind.transport());
    is_served.then_some(kind)
}

/// Judges an upgrade request that the router claims. `secure` is whether its socket is encrypted.
pub fn judge(service: &Service, head: &Head<'_>, secure: bool) -> Upgrade {
    let text = |name: HeaderName| head.text(&name);
    let (connection, upgrade) = (text(header::CONNECTION), text(header::UPGRADE));
    let version = text(header::SEC_WEBSOCKET_VERSION);
    let key = text(header::SEC_WEBSOCKET_KEY);
    let extensions = text(header::SEC_WEBSOCKET_EXTENSIONS);
    let handshake = Handshake {
        connection: connection.as_deref(),
        upgrade: upgrade.as_deref(),
        version: version.as_deref(),
        key: key.as_deref(),
        extensions: extensions.as_deref(),
    };
    let Some(kind) = websocket_at(service, head.method, head.target) else {
        return Upgrade::Plain;
    };
    let log = LogLine::new(&service.context, head);
    let judged = if !handshake.is_websocket() {
        Err(HandshakeError::NotWebsocket)
    } else if kind == WebsocketKind::Raw && !matches!(handshake.version, Some("8" | "13")) {
        Err(HandshakeError::RawVersion)
    } else {
        accept(service, head, &handshake, kind, secure)
    };
    match judged {
        Ok(accept) => {
            log.write(&service.context, None);
            accept
        }
        Err(error) => {
            let response = response::bad_handshake(&error, true);
            log.write(&service.context, Some(response.status()));
            Upgrade::Refuse(serialize(&response))
        }
    }
}

/// Answers a handshake of RFC 6455 or of Hixie-76.
fn accept(
    service: &Service,
    head: &Head<'_>,
    handshake: &Handshake<'_>,
    kind: WebsocketKind,
    secure: bool,
) -> Result<Upgrade, HandshakeError> {
    let extra = &service.context.options.handshake_headers;
    let is_given = |value: Option<&str>| value.is_some_and(|value| !value.is_empty());
    if !is_given(handshake.version) && !is_given(handshake.key) {
        let text = |name| head.text(&HeaderName::from_static(name));
        let (key_1, key_2) = (text("sec-websocket-key1"), text("sec-websocket-key2"));
        let origin = head.text(&header::ORIGIN);
        let handshake = hixie::Handshake {
            key_1: key_1.as_deref(),
            key_2: key_2.as_deref(),
            origin: origin.as_deref(),
        };
        if handshake.is_hixie_76() {
            let (response, challenge) = handshake.answer(&head.location(secure), extra)?;
            return Ok(Upgrade::Accept {
                kind: WebsocketKind::Hixie76,
                response,
                challenge: Some(challenge),
            });
        }
    }
    Ok(Upgrade::Accept {
        kind,
        response: handshake.answer(extra)?,
        challenge: None,
    })
}

/// The bytes of a response.
fn serialize(response: &Response<Bytes>) -> Vec<u8> {
    let status = response.status();
    let mut bytes = format!(
        "HTTP/1.1 {} {}\r\n",
        status.as_str(),
        status.canonical_reason().unwrap_or("")
    )
    .into_bytes();
    for (name, value) in response.headers() {
        bytes.extend(written(name));
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(response.body());
    bytes
}
