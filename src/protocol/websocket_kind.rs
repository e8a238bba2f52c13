//! The protocols that the service speaks over a websocket.

use crate::transport::Transport;

/// What speaks over a websocket; `lib/` passes on its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebsocketKind {
    /// SockJS over RFC 6455.
    Sockjs,
    /// The application's messages as they are, over RFC 6455.
    Raw,
    /// SockJS over Hixie-76. sockjs 0.3.24 takes no raw websocket of it.
    Hixie76,
}

impl WebsocketKind {
    /// The one with this number.
    pub fn from_number(number: u32) -> Option<Self> {
        [Self::Sockjs, Self::Raw, Self::Hixie76]
            .into_iter()
            .find(|kind| *kind as u32 == number)
    }

    /// As sessions and the application know it.
    pub fn transport(self) -> Transport {
        match self {
            Self::Sockjs | Self::Hixie76 => Transport::Websocket,
            Self::Raw => Transport::WebsocketRaw,
        }
    }
}
