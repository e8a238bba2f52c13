//! The native methods that `lib/bridge.js` and `lib/bridge-output.js` call. Each value that crosses costs about as much as
//! a short message, so a request crosses as one string, and an answer as one number.

use napi::bindgen_prelude::*;
use napi_derive::napi;

use super::NativeEngine;
use super::constants::{answer, take};
use super::request_text::{REQUEST_HEADERS, RequestText};
use crate::ingress::bridge::Take;

#[napi]
impl NativeEngine {
    /// Bytes from the client of a bridged websocket.
    #[napi(catch_unwind)]
    pub fn bridge_feed(&mut self, id: u32, chunk: &[u8]) {
        self.bridge_state.bridge.feed(id, chunk);
    }

    /// Whether a `jsessionid` function is called for this request.
    #[napi(catch_unwind)]
    pub fn has_cookie(&self, service: u32, method: String, target: String) -> Result<bool> {
        Ok(self.services.get(service)?.has_cookie(&method, &target))
    }

    /// Whether a `base_url` function is called for this request.
    #[napi(catch_unwind)]
    pub fn is_info(&self, service: u32, method: String, target: String) -> Result<bool> {
        Ok(self.services.get(service)?.is_info(&method, &target))
    }

    /// The largest body of a request, in bytes.
    #[napi(catch_unwind)]
    pub fn max_body(&self, service: u32) -> Result<f64> {
        let max = self.services.get(service)?.context.options.max_message_size;
        #[expect(clippy::cast_precision_loss, reason = "no body has 2^53 bytes")]
        let max = max as f64;
        Ok(max)
    }

    /// Answers a request, which is text as `requestText` in `lib/bridge.js` makes it. `base_url` is what the function of
    /// that option has returned, as JSON text.
    #[napi(catch_unwind)]
    pub fn bridge_request(
        &mut self,
        service: u32,
        id: u32,
        request: String,
        base_url: Option<String>,
    ) -> Result<u32> {
        let service = self.services.get(service)?.clone();
        let request = RequestText::parse(&request, &REQUEST_HEADERS)?;
        let head = request.head(base_url.as_deref());
        let answer = self.bridge_state.bridge.request(&service, id, &head);
        Ok(self.bridge_state.encode(answer))
    }

    /// Answers a request whose body has been read. `body` is undefined if it was too long. Returns 0 if the request is
    /// over.
    #[napi(catch_unwind)]
    pub fn bridge_body(&mut self, id: u32, body: Option<&[u8]>) -> u32 {
        match self.bridge_state.bridge.body(id, body) {
            Some(answer) => self.bridge_state.encode(answer),
            None => answer::READ_BODY,
        }
    }

    /// The key of the paused connection that the request `id` waits for.
    #[napi(catch_unwind)]
    pub fn bridge_waits_for(&self, id: u32) -> Option<u32> {
        self.bridge_state.bridge.waits_for(id)
    }

    /// The headers with this number, as `name: value` lines.
    #[napi(catch_unwind)]
    pub fn bridge_headers(&self, number: u32) -> Option<&str> {
        self.bridge_state.headers(number)
    }

    /// The body of the last answer, if it was a complete response.
    #[napi(catch_unwind)]
    pub fn bridge_whole_body(&mut self) -> Buffer {
        self.bridge_state.take_body().into()
    }

    /// Copies the next bytes for the client of `id` into `to`; of a response, one frame. Returns the number n of bytes; or
    /// -1 - n if nothing follows them, and `id` is over; or a constant of `take`.
    #[napi(catch_unwind)]
    pub fn bridge_take(&mut self, id: u32, mut to: BufferSlice<'_>) -> i32 {
        let number = |len| i32::try_from(len).unwrap_or(i32::MAX);
        match self.bridge_state.bridge.take(id, &mut to) {
            Take::Bytes(len) => number(len),
            Take::Last(len) => -1 - number(len),
            Take::Aborted => take::GIVEN_UP,
            Take::Large => take::LARGE,
        }
    }

    /// The length in bytes of the next frame, after [`NativeEngine::bridge_take`] has returned `take::LARGE`.
    #[napi(catch_unwind)]
    pub fn bridge_next_frame(&self, id: u32) -> u32 {
        u32::try_from(self.bridge_state.bridge.next_frame(id)).unwrap_or(u32::MAX)
    }

    /// The client of `id` has disconnected before the end of the output.
    #[napi(catch_unwind)]
    pub fn bridge_end(&mut self, id: u32) {
        self.bridge_state.bridge.end(id);
    }
}
