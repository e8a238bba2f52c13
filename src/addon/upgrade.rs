//! What `lib/upgrade.js` and `lib/takeover.js` call for an upgrade request.

use napi::bindgen_prelude::*;
use napi_derive::napi;

use super::bridge::header_map;
use super::{NativeEngine, websocket_kind};

use crate::ingress::takeover;
use crate::protocol::hixie::Challenge;
use crate::server::head::Head;
use crate::server::upgrade;
use crate::{catch_panic, may_panic};

/// The headers that decide a handshake, and those of which the answer to one of Hixie-76 is made.
pub(super) const UPGRADE_HEADERS: [&str; 13] = [
    "connection",
    "upgrade",
    "sec-websocket-version",
    "sec-websocket-key",
    "sec-websocket-extensions",
    "sec-websocket-key1",
    "sec-websocket-key2",
    "origin",
    "host",
    "https",
    "x-forwarded-ssl",
    "x-forwarded-scheme",
    "x-forwarded-proto",
];

/// How to answer an upgrade request.
#[derive(Default)]
#[napi(object)]
pub struct Upgrade {
    /// `accept`, `refuse` (write the response and close), `plain` (serve it as a request without
    /// `Upgrade`).
    pub verdict: String,
    pub response: Option<Buffer>,
    /// Where the verdict is `accept`: a number for [`NativeEngine::take_websocket`] and
    /// [`NativeEngine::bridge_websocket`].
    pub kind: Option<u32>,
    /// Where the third key of Hixie-76 is to be answered first: for [`NativeEngine::answer_key`].
    pub challenge: Option<Vec<u32>>,
}

#[napi]
impl NativeEngine {
    /// Judges an upgrade request that the service claims; `headers` is name, value,
    /// name, value… of those that matter; `secure` says that its socket is encrypted.
    #[napi(catch_unwind)]
    pub fn judge_upgrade(
        &self,
        service: u32,
        method: String,
        target: String,
        headers: Vec<String>,
        secure: bool,
    ) -> Result<Upgrade> {
        may_panic("upgrade");
        let headers = header_map(headers.chunks_exact(2).map(|pair| (&*pair[0], &*pair[1])));
        let head = Head {
            method: &method,
            target: &target,
            headers: &headers,
            base_url: None,
        };
        let mut judged = Upgrade::default();
        match self.services.get(service)?.judge_upgrade(&head, secure) {
            upgrade::Upgrade::Plain => judged.verdict = "plain".into(),
            upgrade::Upgrade::Refuse(response) => {
                judged.verdict = "refuse".into();
                judged.response = Some(response.into());
            }
            upgrade::Upgrade::Accept {
                kind,
                response,
                challenge,
            } => {
                judged.verdict = "accept".into();
                judged.response = Some(response.into());
                judged.kind = Some(kind as u32);
                judged.challenge = challenge.map(|challenge| challenge.0.to_vec());
            }
        }
        Ok(judged)
    }

    /// Whether the service has a websocket at a target. Its handshake may still be refused.
    #[napi(catch_unwind)]
    pub fn is_websocket(&self, service: u32, method: String, target: String) -> Result<bool> {
        let service = self.services.get(service)?;
        // After a panic, the handshake is tried.
        Ok(catch_panic(|| service.websocket_at(&method, &target).is_some()).unwrap_or(true))
    }

    /// The answer to the third key of a Hixie-76 handshake. Exactly the eight bytes of it.
    #[napi(catch_unwind)]
    #[allow(clippy::unused_self, reason = "a method like the others")]
    pub fn answer_key(&self, challenge: Vec<u32>, key: &[u8]) -> Result<Buffer> {
        let (Ok(numbers), Ok(key)) = (challenge.try_into(), key.try_into()) else {
            return Err(Error::from_reason("no challenge, or no key for it"));
        };
        Ok(Challenge(numbers).answer(key).to_vec().into())
    }

    /// Takes the socket of an accepted websocket. False leaves it to the bridge.
    #[napi(catch_unwind)]
    pub fn take_websocket(
        &self,
        service: u32,
        fd: i32,
        taken_id: u32,
        kind: u32,
        response: &[u8],
        head: &[u8],
    ) -> Result<bool> {
        let context = &self.services.get(service)?.context;
        let kind = websocket_kind(kind)?;
        Ok(takeover::take_websocket(context, fd, taken_id, kind, response, head).is_ok())
    }
}
