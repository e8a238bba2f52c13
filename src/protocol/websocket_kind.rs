//! The protocols that the service speaks over a websocket.

use super::transport::Transport;

/// The protocol over a websocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebsocketKind {
    /// SockJS over RFC 6455.
    Sockjs,
    /// The application's messages without SockJS frames, over RFC 6455.
    Raw,
    /// SockJS over Hixie-76. As in 0.3.24, there are no raw websockets over it.
    Hixie76,
}

impl WebsocketKind {
    /// The transport of the session.
    pub fn transport(self) -> Transport {
        match self {
            Self::Sockjs | Self::Hixie76 => Transport::Websocket,
            Self::Raw => Transport::WebsocketRaw,
        }
    }
}
