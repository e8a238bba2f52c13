//! Reads and sets headers as sockjs 0.3.24 does.

use std::borrow::Cow;

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue};

/// Sets the CORS headers. Without an `Origin`, pages of all origins may read the response, but send no credentials.
pub(super) fn allow_origin(headers: &mut HeaderMap, origin: Option<&[u8]>, request: &HeaderMap) {
    if let Some(origin) = origin {
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        );
        set(headers, header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    } else {
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_ORIGIN,
            HeaderValue::from_static("*"),
        );
    }
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(requested) = request_header(request, &header::ACCESS_CONTROL_REQUEST_HEADERS) {
        set(headers, header::ACCESS_CONTROL_ALLOW_HEADERS, &requested);
    }
}

/// The value of a request header as in Node's `req.headers`, which joins repeated headers. As in 0.3.24, an empty value
/// counts as absent.
pub(super) fn request_header<'a>(
    request: &'a HeaderMap,
    name: &HeaderName,
) -> Option<Cow<'a, [u8]>> {
    let mut lines = request.get_all(name).iter();
    let mut value = Cow::Borrowed(lines.next()?.as_bytes());
    let separator: &[u8] = if *name == header::COOKIE {
        b"; "
    } else {
        b", "
    };
    for line in lines {
        let joined = value.to_mut();
        joined.extend_from_slice(separator);
        joined.extend_from_slice(line.as_bytes());
    }
    (!value.is_empty()).then_some(value)
}

/// Sets a header, unless the value, which may come from a client, has bytes that no header may have.
pub(super) fn set(headers: &mut HeaderMap, name: HeaderName, value: &[u8]) {
    if let Ok(value) = HeaderValue::from_bytes(value) {
        headers.insert(name, value);
    }
}

/// How long cacheable responses and the answers to `OPTIONS` may be cached: one year, in seconds.
pub(super) const CACHE_SECONDS: u64 = 365 * 24 * 60 * 60;
