//! The transports: a table of what tells one from another. Each file below has what one transport writes around a frame.

mod endpoint;
mod eventsource;
mod htmlfile;
mod jsonp;
mod wrapper;
mod xhr;

use super::json;
pub use endpoint::{Endpoint, Sender};
pub use wrapper::Wrapper;

/// The ways in which a client can be connected. JavaScript uses their numbers; from `XhrPolling` on they work over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    Websocket,
    WebsocketRaw,
    XhrPolling,
    XhrStreaming,
    Eventsource,
    Htmlfile,
    JsonpPolling,
}

/// A row of the table.
#[derive(Debug)]
pub struct Properties {
    /// The name that `conn.protocol` shows and the option `transports` uses.
    pub name: &'static str,
    /// How it works over HTTP; `None` for websockets.
    pub http: Option<HttpTransport>,
}

/// The requests by which a client receives, and the responses to them.
#[derive(Debug)]
pub struct HttpTransport {
    /// The transport itself.
    pub transport: Transport,
    /// The method.
    pub method: &'static str,
    /// The last part of the path.
    pub path: &'static str,
    /// Whether pages of other origins may read the response.
    pub cors: Cors,
    /// The maximum length in characters of the callback that the request names; `None` if it names none.
    pub callback: Option<usize>,
    /// The content type of the response.
    pub content_type: &'static str,
    /// Whether the response forbids browsers to guess another content type.
    pub nosniff: bool,
    /// When the response ends.
    pub end: End,
    /// Appends what the response begins with.
    prelude: fn(callback: &str, out: &mut Vec<u8>),
    /// Appends a frame, which is valid UTF-8. Returns the number of UTF-16 units appended.
    wrap: Wrap,
    /// As `wrap`, for a frame that is a JavaScript string literal already. Returns the number of UTF-16 units around the
    /// literal. `None` if a frame is the same for each callback.
    wrap_literal: Option<Wrap>,
}

type Wrap = fn(callback: &str, frame: &[u8], out: &mut Vec<u8>) -> usize;

/// Whether pages of other origins may read a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cors {
    /// They need not: they load it as a script or as a page.
    None,
    /// Unless the option `disable_cors` is set. The path also has the method `OPTIONS`, for preflight requests.
    Preflight,
    /// 0.3.24: always, whatever `disable_cors` says. `Origin: null` counts as absent.
    Always,
}

/// When a response ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// After its first frame.
    FirstFrame,
    /// After `response_limit`.
    Limit,
}

impl Transport {
    /// All of them, by their numbers.
    pub const ALL: [Self; 7] = [
        Self::Websocket,
        Self::WebsocketRaw,
        Self::XhrPolling,
        Self::XhrStreaming,
        Self::Eventsource,
        Self::Htmlfile,
        Self::JsonpPolling,
    ];

    /// The table.
    pub fn properties(self) -> &'static Properties {
        match self {
            Self::Websocket => &Properties {
                name: "websocket",
                http: None,
            },
            Self::WebsocketRaw => &Properties {
                name: "websocket-raw",
                http: None,
            },
            Self::XhrPolling => &Properties {
                name: "xhr-polling",
                http: Some(HttpTransport {
                    transport: Self::XhrPolling,
                    method: "POST",
                    path: "xhr",
                    cors: Cors::Preflight,
                    callback: None,
                    content_type: SCRIPT,
                    nosniff: false,
                    end: End::FirstFrame,
                    prelude: no_prelude,
                    wrap: xhr::wrap,
                    wrap_literal: None,
                }),
            },
            Self::XhrStreaming => &Properties {
                name: "xhr-streaming",
                http: Some(HttpTransport {
                    transport: Self::XhrStreaming,
                    method: "POST",
                    path: "xhr_streaming",
                    cors: Cors::Preflight,
                    callback: None,
                    content_type: SCRIPT,
                    nosniff: false,
                    end: End::Limit,
                    prelude: xhr::prelude,
                    wrap: xhr::wrap,
                    wrap_literal: None,
                }),
            },
            Self::Eventsource => &Properties {
                name: "eventsource",
                http: Some(HttpTransport {
                    transport: Self::Eventsource,
                    method: "GET",
                    path: "eventsource",
                    cors: Cors::Always,
                    callback: None,
                    content_type: "text/event-stream",
                    nosniff: false,
                    end: End::Limit,
                    prelude: eventsource::prelude,
                    wrap: eventsource::wrap,
                    wrap_literal: None,
                }),
            },
            Self::Htmlfile => &Properties {
                name: "htmlfile",
                http: Some(HttpTransport {
                    transport: Self::Htmlfile,
                    method: "GET",
                    path: "htmlfile",
                    cors: Cors::None,
                    // 0.3.24 has no limit here.
                    callback: Some(usize::MAX),
                    content_type: "text/html; charset=UTF-8",
                    nosniff: false,
                    end: End::Limit,
                    prelude: htmlfile::prelude,
                    wrap: htmlfile::wrap,
                    wrap_literal: None,
                }),
            },
            Self::JsonpPolling => &Properties {
                name: "jsonp-polling",
                http: Some(HttpTransport {
                    transport: Self::JsonpPolling,
                    method: "GET",
                    path: "jsonp",
                    cors: Cors::None,
                    callback: Some(32),
                    content_type: SCRIPT,
                    nosniff: true,
                    end: End::FirstFrame,
                    prelude: no_prelude,
                    wrap: jsonp::wrap,
                    wrap_literal: Some(jsonp::wrap_literal),
                }),
            },
        }
    }

    /// See [`Properties::name`].
    pub fn protocol(self) -> &'static str {
        self.properties().name
    }

    /// See [`Properties::http`].
    pub fn http(self) -> Option<&'static HttpTransport> {
        self.properties().http.as_ref()
    }

    /// The transport whose [`protocol`](Self::protocol) is `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|transport| transport.protocol() == name)
    }

    /// Whether a session continues for `disconnect_delay` when its receiver is done. On websockets it ends at once.
    pub fn outlives_detach(self) -> bool {
        self.http().is_some()
    }
}

impl HttpTransport {
    /// Whether all responses write the same for a frame.
    pub fn has_shared_frames(&self) -> bool {
        self.wrap_literal.is_none()
    }

    /// Appends what responses have in common for a frame: all that they write, or the argument of the callback. Returns the
    /// number of UTF-16 units appended.
    pub fn shared_form(&self, frame: &[u8], out: &mut Vec<u8>) -> u64 {
        let units = match self.wrap_literal {
            Some(_) => json::stringify(frame, out),
            None => (self.wrap)("", frame, out),
        };
        units as u64
    }

    /// UTF-16 units after which a response ends, counted as [`Wrapper::wrap`] counts them; `None` for never. A
    /// `response_limit` of 0 is no limit.
    pub fn limit(&self, response_limit: u64) -> Option<u64> {
        match self.end {
            End::FirstFrame => Some(1),
            End::Limit => (response_limit != 0).then_some(response_limit),
        }
    }
}

const SCRIPT: &str = "application/javascript; charset=UTF-8";

fn no_prelude(_callback: &str, _out: &mut Vec<u8>) {}

#[cfg(test)]
mod tests;
