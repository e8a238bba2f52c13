//! What `lib/upgrade.js` and `lib/takeover.js` call for an upgrade request.

use napi::bindgen_prelude::*;
use napi_derive::napi;

use super::Engine;
use super::bridge::header_map;
use crate::door::takeover;
use crate::may_panic;
use crate::server::dispatch::{self, Head};

/// How to answer an upgrade request.
#[napi(object)]
pub struct Upgrade {
    /// `accept`, `refuse` (write the response and close), `plain` (serve it as a request without
    /// `Upgrade`).
    pub verdict: String,
    pub raw: bool,
    pub response: Option<Buffer>,
}

#[napi]
impl Engine {
    /// Judges an upgrade request that the service claims; `headers` is name, value,
    /// name, value… of those that matter.
    #[napi(catch_unwind)]
    pub fn judge_upgrade(
        &self,
        service: u32,
        method: String,
        target: String,
        headers: Vec<String>,
    ) -> Result<Upgrade> {
        may_panic("upgrade");
        let headers = header_map(headers.chunks_exact(2).map(|pair| (&*pair[0], &*pair[1])));
        let head = Head {
            method: &method,
            target: &target,
            headers: &headers,
            base_url: None,
        };
        let judged = self.services.get(service)?.judge_upgrade(&head);
        let (verdict, raw, response) = match judged {
            dispatch::Upgrade::Plain => ("plain", false, None),
            dispatch::Upgrade::Refuse(response) => ("refuse", false, Some(response.into())),
            dispatch::Upgrade::Accept { raw, response } => ("accept", raw, Some(response.into())),
        };
        Ok(Upgrade {
            verdict: verdict.into(),
            raw,
            response,
        })
    }

    /// Takes the socket of an accepted websocket. False leaves it to the bridge.
    #[napi(catch_unwind)]
    pub fn take_websocket(
        &self,
        service: u32,
        fd: i32,
        token: u32,
        raw: bool,
        response: &[u8],
        head: &[u8],
    ) -> Result<bool> {
        let service = self.services.get(service)?;
        Ok(takeover::take_websocket(service, fd, token, raw, response, head).is_ok())
    }
}
