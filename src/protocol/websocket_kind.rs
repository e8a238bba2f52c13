//! The protocols that the service speaks over a websocket.

use super::transport::Transport;

/// The protocol over a websocket. JavaScript refers to it by its number.
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
    pub fn from_number(number: u32) -> Option<Self> {
        [Self::Sockjs, Self::Raw, Self::Hixie76]
            .into_iter()
            .find(|kind| *kind as u32 == number)
    }

    /// The transport of the session.
    pub fn transport(self) -> Transport {
        match self {
            Self::Sockjs | Self::Hixie76 => Transport::Websocket,
            Self::Raw => Transport::WebsocketRaw,
        }
    }
}
