//! Requests as JavaScript passes them: as one string, because each value that crosses costs as much as a short message.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use napi::bindgen_prelude::*;

use crate::server::head::Head;

/// The headers that the server looks at, but for upgrades.
pub(super) static REQUEST_HEADERS: [HeaderName; 5] = [
    header::ORIGIN,
    header::ACCESS_CONTROL_REQUEST_HEADERS,
    header::COOKIE,
    header::IF_NONE_MATCH,
    header::CONTENT_TYPE,
];

/// The headers that decide a handshake, and those that the answer to a handshake of Hixie-76 contains.
pub(super) static UPGRADE_HEADERS: [HeaderName; 13] = [
    header::CONNECTION,
    header::UPGRADE,
    header::SEC_WEBSOCKET_VERSION,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_EXTENSIONS,
    HeaderName::from_static("sec-websocket-key1"),
    HeaderName::from_static("sec-websocket-key2"),
    header::ORIGIN,
    header::HOST,
    HeaderName::from_static("https"),
    HeaderName::from_static("x-forwarded-ssl"),
    HeaderName::from_static("x-forwarded-scheme"),
    HeaderName::from_static("x-forwarded-proto"),
];

/// A request that JavaScript has passed.
#[derive(Debug)]
pub(super) struct RequestText<'a> {
    method: &'a str,
    target: &'a str,
    headers: HeaderMap,
}

impl<'a> RequestText<'a> {
    /// Parses a line for each of the headers, `=value` or empty, and then `METHOD target`.
    pub(super) fn parse(text: &'a str, names: &'static [HeaderName]) -> Result<Self> {
        let mut headers = HeaderMap::new();
        let mut rest = text;
        for name in names {
            let Some((line, next)) = rest.split_once('\n') else {
                return Err(Error::from_reason("a request without its headers"));
            };
            if let Some(value) = line.strip_prefix('=')
                && let Ok(value) = HeaderValue::from_bytes(&latin1(value))
            {
                headers.insert(name, value);
            }
            rest = next;
        }
        let (method, target) = rest.split_once(' ').unwrap_or((rest, ""));
        Ok(Self {
            method,
            target,
            headers,
        })
    }

    pub(super) fn head<'b>(&'b self, base_url: Option<&'b str>) -> Head<'b> {
        Head {
            method: self.method,
            target: self.target,
            headers: &self.headers,
            base_url,
        }
    }
}

/// The bytes of a header's value, of which Node has made a string.
fn latin1(value: &str) -> Vec<u8> {
    let byte = |unit| u8::try_from(unit).unwrap_or(b'?');
    value.chars().map(byte).collect()
}
