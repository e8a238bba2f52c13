//! What one response writes around its frames.

use super::HttpTransport;

/// Writes the frames of one response. It knows the callback that the request has named.
#[derive(Clone, Debug)]
pub struct Wrapper {
    http: &'static HttpTransport,
    callback: String,
}

impl Wrapper {
    /// `callback` has been checked (`http::query::callback`). Transports without one ignore it.
    pub fn new(http: &'static HttpTransport, callback: String) -> Self {
        Self { http, callback }
    }

    /// The transport of the response.
    pub fn http(&self) -> &'static HttpTransport {
        self.http
    }

    /// Appends what follows the head at once. It does not count for `response_limit`.
    pub fn prelude(&self, out: &mut Vec<u8>) {
        (self.http.prelude)(&self.callback, out);
    }

    /// Appends `frame` (valid UTF-8) as this transport writes it. Returns the number of UTF-16 units appended, which
    /// sockjs 0.3.24 counts for `response_limit`.
    pub fn wrap(&self, frame: &[u8], out: &mut Vec<u8>) -> u64 {
        // If the buffer had to grow again for what follows a long frame, all of it would be copied.
        out.reserve(frame.len() + AROUND_FRAME);
        (self.http.wrap)(&self.callback, frame, out) as u64
    }

    /// As [`Wrapper::wrap`], for a frame in the form of [`HttpTransport::shared_form`]. `None`, and appends nothing, if
    /// the form is already what the response gets. Returns the number of UTF-16 units around the form.
    pub fn wrap_form(&self, form: &[u8], out: &mut Vec<u8>) -> Option<u64> {
        let wrap = self.http.wrap_literal?;
        out.reserve(form.len() + AROUND_FRAME);
        Some(wrap(&self.callback, form, out) as u64)
    }
}

/// Bytes around a frame of most transports; for a frame with many escapes it is not enough.
const AROUND_FRAME: usize = 32;
