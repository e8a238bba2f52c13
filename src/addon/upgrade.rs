//! What `lib/upgrade.js` calls for an upgrade request.

use napi::bindgen_prelude::*;
use napi_derive::napi;

use super::NativeEngine;
use super::constants::Upgraded;
use super::request_text::{RequestText, UPGRADE_HEADERS};
use crate::ingress::upgrade::{Outcome, UpgradeRequest, upgrade};
use crate::protocol::hixie::Challenge;
use crate::server::upgrade::websocket_at;
use crate::{catch_panic, may_panic};

/// An upgrade request that a service claims.
#[napi(object, object_to_js = false)]
pub struct UpgradeArguments<'a> {
    pub service: u32,
    /// A number that is not in use. The taken socket, or the websocket on the bridge, gets it.
    pub id: u32,
    /// The request, as `requestText` in `lib/bridge.js` makes it.
    pub request: String,
    /// Whether its socket is encrypted.
    pub secure: bool,
    /// The bytes after the request that have been read.
    pub read: Uint8ArraySlice<'a>,
    /// The descriptor of its socket, if Node can do without the socket.
    pub fd: Option<i32>,
    /// What `UpgradeResult` had for the same request.
    pub challenge: Option<Vec<u32>>,
}

/// What has become of an upgrade request, and what JavaScript has to do.
#[napi(object, object_from_js = false)]
pub struct UpgradeResult {
    pub upgraded: Upgraded,
    pub response: Option<Buffer>,
    pub challenge: Option<Vec<u32>>,
}

#[napi]
impl NativeEngine {
    /// Answers an upgrade request, and opens the websocket: on its socket if that can be taken, else on the bridge.
    #[napi(catch_unwind)]
    pub fn upgrade(&mut self, arguments: UpgradeArguments<'_>) -> Result<UpgradeResult> {
        may_panic("upgrade");
        let service = self.services.get(arguments.service)?;
        let request = RequestText::parse(&arguments.request, &UPGRADE_HEADERS)?;
        let challenge = match arguments.challenge.map(TryInto::try_into) {
            None => None,
            Some(Ok(numbers)) => Some(Challenge(numbers)),
            Some(Err(_)) => return Err(Error::from_reason("not a challenge")),
        };
        let request = UpgradeRequest {
            head: request.head(None),
            secure: arguments.secure,
            id: arguments.id,
            fd: arguments.fd,
            read: &arguments.read,
            challenge,
        };
        let (upgraded, response, challenge) =
            match upgrade(&mut self.bridge_state.bridge, service, &request) {
                Outcome::Plain => (Upgraded::Plain, None, None),
                Outcome::Refused(response) => (Upgraded::Refused, Some(response), None),
                Outcome::NeedsKey(response, Challenge(numbers)) => {
                    (Upgraded::NeedsKey, Some(response), Some(numbers.to_vec()))
                }
                Outcome::Taken => (Upgraded::Taken, None, None),
                Outcome::Bridged => (Upgraded::Bridged, None, None),
            };
        Ok(UpgradeResult {
            upgraded,
            response: response.map(Into::into),
            challenge,
        })
    }

    /// Whether the service has a websocket at a target. Its handshake may still be refused.
    #[napi(catch_unwind)]
    pub fn is_websocket(&self, service: u32, method: String, target: String) -> Result<bool> {
        let service = self.services.get(service)?;
        // After a panic, `upgrade` decides.
        Ok(catch_panic(|| websocket_at(service, &method, &target).is_some()).unwrap_or(true))
    }
}
