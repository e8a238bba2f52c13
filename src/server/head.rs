//! The head of a request, and what it shows the application.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, header};

use crate::http::target::parse_target;
use crate::protocol::json::quote_str;
use crate::protocol::transport::Transport;

/// The head of a request.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// `GET`, `POST` and so on.
    pub method: &'a str,
    /// The raw target. Bytes above ASCII are latin1 characters, as in Node.
    pub target: &'a str,
    /// The headers: at least those that 0.3.24 looks at.
    pub headers: &'a HeaderMap,
    /// The result of a `base_url` function for this request, as JSON text.
    pub base_url: Option<&'a str>,
}

/// The headers in `conn.headers`: those of 0.3.24, and `origin` (deviation 1).
pub static SHOWN_HEADERS: [HeaderName; 15] = [
    header::REFERER,
    HeaderName::from_static("x-client-ip"),
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-cluster-client-ip"),
    header::VIA,
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-ssl"),
    header::DNT,
    header::HOST,
    header::USER_AGENT,
    header::ACCEPT_LANGUAGE,
    header::ORIGIN,
];

impl Head<'_> {
    pub(super) fn text(&self, name: &HeaderName) -> Option<String> {
        self.headers
            .get(name)
            .map(|value| latin1(value.as_bytes()).into_owned())
    }

    /// The URL of a websocket, as faye-websocket builds it. `secure` is whether the socket is encrypted.
    pub(super) fn location(&self, secure: bool) -> String {
        let by_proxy = [
            ("https", "on"),
            ("x-forwarded-ssl", "on"),
            ("x-forwarded-scheme", "https"),
            ("x-forwarded-proto", "https"),
        ];
        let secure = secure
            || by_proxy
                .iter()
                .any(|(name, value)| self.headers.get(*name).is_some_and(|it| it == value));
        let scheme = if secure { "wss" } else { "ws" };
        let host = self.text(&header::HOST);
        let host = host.as_deref().unwrap_or("undefined");
        format!("{scheme}://{host}{}", self.target)
    }

    /// What a connection shows of this request, as JSON text.
    pub fn request_info(&self, transport: Transport) -> String {
        let mut json = Vec::with_capacity(256);
        json.extend_from_slice(b"{\"url\":");
        quote_str(self.target, &mut json);
        json.extend_from_slice(b",\"pathname\":");
        quote_str(&parse_target(self.target).pathname, &mut json);
        json.extend_from_slice(b",\"protocol\":");
        quote_str(transport.protocol(), &mut json);
        json.extend_from_slice(b",\"headers\":{");
        let mut first = true;
        for name in &SHOWN_HEADERS {
            let Some(value) = self.headers.get(name).filter(|value| !value.is_empty()) else {
                continue;
            };
            if !std::mem::take(&mut first) {
                json.push(b',');
            }
            quote_str(name.as_str(), &mut json);
            json.push(b':');
            quote_str(&latin1(value.as_bytes()), &mut json);
        }
        json.extend_from_slice(b"}}");
        // `quote_str` appends UTF-8 only.
        String::from_utf8(json).unwrap_or_default()
    }

    /// `METHOD target`, and a line `name:value` for each header. None of these can contain a line feed.
    pub fn whole(&self) -> Vec<u8> {
        let mut lines = Vec::with_capacity(512);
        lines.extend_from_slice(self.method.as_bytes());
        lines.push(b' ');
        lines.extend_from_slice(self.target.as_bytes());
        for (name, value) in self.headers {
            lines.push(b'\n');
            lines.extend_from_slice(name.as_str().as_bytes());
            lines.push(b':');
            lines.extend_from_slice(value.as_bytes());
        }
        lines
    }
}

fn latin1(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => text.into(),
        _ => bytes
            .iter()
            .copied()
            .map(char::from)
            .collect::<String>()
            .into(),
    }
}
