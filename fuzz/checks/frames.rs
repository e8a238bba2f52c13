//! What the checks of the websocket and the Hixie-76 decoder share: the bytes and pieces that a decoder gets,
//! and a record of what it reports.

use sockjs_rs::protocol::json::plain_element;
use sockjs_rs::protocol::rfc6455::Incoming;

use super::input::Input;

/// Something that a decoder has reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Violation(u16, String),
    Close(u16, String),
}

impl Found {
    /// Whether it ends the connection.
    pub fn ends(&self) -> bool {
        matches!(self, Self::Violation(..) | Self::Close(..))
    }
}

/// All that a decoder has reported, in order.
#[derive(Debug, Default)]
pub struct Recorder(pub Vec<Found>);

impl Incoming for Recorder {
    // Accepts the same texts as the server. `text` would get the same text.
    fn ascii(&mut self, text: &[u8]) -> bool {
        if plain_element(text).is_none() {
            return false;
        }
        let text = std::str::from_utf8(text).expect("plain text is UTF-8");
        assert!(text.is_ascii());
        self.text(text);
        true
    }
    fn text(&mut self, text: &str) {
        self.0.push(Found::Text(text.into()));
    }
    fn binary(&mut self, bytes: &[u8]) {
        self.0.push(Found::Binary(bytes.into()));
    }
    fn ping(&mut self, payload: &[u8]) {
        self.0.push(Found::Ping(payload.into()));
    }
    fn pong(&mut self, payload: &[u8]) {
        self.0.push(Found::Pong(payload.into()));
    }
    fn violation(&mut self, code: u16, reason: &str) {
        self.0.push(Found::Violation(code, reason.into()));
    }
    fn close(&mut self, code: u16, reason: &str) {
        self.0.push(Found::Close(code, reason.into()));
    }
}

/// The bytes of a client: as they are in the input, or as frames that `frame` makes from it.
pub fn bytes(
    are_frames: bool,
    mut input: Input<'_>,
    frame: impl Fn(&mut Input<'_>, &mut Vec<u8>),
) -> Vec<u8> {
    if !are_frames {
        return input.rest().to_vec();
    }
    let mut bytes = Vec::new();
    while !input.is_empty() && bytes.len() < 4096 {
        frame(&mut input, &mut bytes);
    }
    bytes
}

/// Feeds bytes to a decoder in pieces; `len` gives the length of the next piece.
pub fn in_pieces(bytes: &[u8], mut len: impl FnMut() -> usize, mut feed: impl FnMut(&mut [u8])) {
    let mut bytes = bytes.to_vec();
    let mut rest = &mut bytes[..];
    while !rest.is_empty() {
        let (piece, others) = rest.split_at_mut(len().clamp(1, rest.len()));
        feed(piece);
        rest = others;
    }
}
