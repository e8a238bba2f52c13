//! The endpoints of a session.

use super::{Cors, Transport};

/// The last part of a path `/<server>/<session>/…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// The client receives. Raw websockets have no session in their path.
    Receive(Transport),
    /// The client sends.
    Send(Sender),
}

/// How clients of the HTTP transports send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// By the clients of all but jsonp.
    Xhr,
    Jsonp,
}

impl Endpoint {
    /// All of them, in the order in which 0.3.24 tries their paths.
    pub const ALL: [Self; 8] = [
        Self::Receive(Transport::JsonpPolling),
        Self::Send(Sender::Jsonp),
        Self::Receive(Transport::XhrPolling),
        Self::Send(Sender::Xhr),
        Self::Receive(Transport::XhrStreaming),
        Self::Receive(Transport::Eventsource),
        Self::Receive(Transport::Htmlfile),
        Self::Receive(Transport::Websocket),
    ];

    /// Its name in the path.
    pub fn path(self) -> &'static str {
        match self {
            Self::Receive(transport) => transport.http().map_or("websocket", |http| http.path),
            Self::Send(Sender::Xhr) => "xhr_send",
            Self::Send(Sender::Jsonp) => "jsonp_send",
        }
    }

    /// Its method.
    pub fn method(self) -> &'static str {
        match self {
            Self::Receive(transport) => transport.http().map_or("GET", |http| http.method),
            Self::Send(_) => "POST",
        }
    }

    /// Whether it is for websockets only.
    pub fn is_websocket(self) -> bool {
        matches!(self, Self::Receive(transport) if transport.http().is_none())
    }

    /// See [`Cors::Preflight`].
    pub fn has_preflight(self) -> bool {
        match self {
            Self::Receive(transport) => transport
                .http()
                .is_some_and(|http| http.cors == Cors::Preflight),
            Self::Send(sender) => sender == Sender::Xhr,
        }
    }
}
