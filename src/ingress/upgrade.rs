//! Upgrade requests: from the handshake to the open websocket, on its own socket or on the bridge.

use super::bridge::Bridge;
use super::takeover;
use crate::protocol::hixie::{Challenge, KEY_3};
use crate::protocol::websocket_kind::WebsocketKind;
use crate::server::Service;
use crate::server::head::Head;
use crate::server::upgrade::{Upgrade, judge};
use crate::server::websocket_reader::Accepted;

/// An upgrade request, as JavaScript passes it.
#[derive(Clone, Copy, Debug)]
pub struct UpgradeRequest<'a> {
    /// Its head.
    pub head: Head<'a>,
    /// Whether its socket is encrypted.
    pub secure: bool,
    /// The number for the taken socket, or for the websocket on the bridge.
    pub id: u32,
    /// The descriptor of its socket, if Node can do without the socket.
    pub fd: Option<i32>,
    /// The bytes after the request that Node has read.
    pub read: &'a [u8],
    /// What [`Outcome::NeedsKey`] had for the same request. The key is in `read` now.
    pub challenge: Option<Challenge>,
}

/// What has become of an upgrade request.
#[derive(Debug)]
pub enum Outcome {
    /// It is to be served as the same request without `Upgrade`; then the connection closes.
    Plain,
    /// It is refused by these bytes; then the connection closes.
    Refused(Vec<u8>),
    /// These bytes are the head of the answer. The rest answers the third key of Hixie-76, which has not been read.
    NeedsKey(Vec<u8>, Challenge),
    /// The websocket is open on its own socket.
    Taken,
    /// The websocket is open on the bridge.
    Bridged,
}

/// Answers an upgrade request, and opens the websocket.
pub fn upgrade(bridge: &mut Bridge, service: &Service, request: &UpgradeRequest<'_>) -> Outcome {
    let judged = match request.challenge {
        Some(challenge) => Upgrade::Accept {
            kind: WebsocketKind::Hixie76,
            // JavaScript has written the head.
            response: Vec::new(),
            challenge: Some(challenge),
        },
        None => judge(service, &request.head, request.secure),
    };
    let (kind, mut response, challenge) = match judged {
        Upgrade::Plain => return Outcome::Plain,
        Upgrade::Refuse(response) => return Outcome::Refused(response),
        Upgrade::Accept {
            kind,
            response,
            challenge,
        } => (kind, response, challenge),
    };
    let mut read = request.read;
    if let Some(challenge) = challenge {
        let Some((key, rest)) = read.split_first_chunk::<KEY_3>() else {
            return Outcome::NeedsKey(response, challenge);
        };
        response.extend(challenge.answer(*key));
        read = rest;
    }
    let accepted = Accepted {
        context: &service.context,
        kind,
        id: request.id,
        response: &response,
        read,
    };
    if let Some(fd) = request.fd
        && takeover::take_websocket(&accepted, fd).is_ok()
    {
        return Outcome::Taken;
    }
    bridge.websocket(&accepted);
    Outcome::Bridged
}
