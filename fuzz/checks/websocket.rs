//! The websocket decoder: the same whatever the splits, bounded, and of one mind with tungstenite up to
//! where one of them gives up; the encoder, as tungstenite reads it.

use std::io::{self, Read, Write};

use sockjs_rs::protocol::json::plain_element;
use sockjs_rs::protocol::websocket::{Decoder, Incoming, Kind, encode, encode_close, encode_with};
use tungstenite::error::{CapacityError, ProtocolError};
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

use super::input::Input;

/// What a decoder has found.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Violation(u16, String),
    Close(u16, String),
}

impl Found {
    fn ends(&self) -> bool {
        matches!(self, Self::Violation(..) | Self::Close(..))
    }
}

#[derive(Debug, Default)]
struct All(Vec<Found>);

impl Incoming for All {
    // As the server does it. What it takes has to be what `text` would have got.
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

/// A masked frame made of decisions: mostly one that makes sense.
fn frame(input: &mut Input<'_>, out: &mut Vec<u8>) {
    const OPCODES: [u8; 16] = [1, 1, 1, 2, 2, 0, 0, 0, 0, 8, 9, 9, 10, 3, 11, 1];
    let shape = input.byte();
    let opcode = input.pick(&OPCODES);
    let last = !shape.is_multiple_of(3) || opcode >= 8;
    let reserved = if shape % 61 == 60 { 0x40 } else { 0 };
    out.push(u8::from(last) << 7 | reserved | opcode);
    let len = match shape % 16 {
        0 => 126 + input.below(256),
        1 => 0,
        _ => input.below(24),
    };
    let payload = match shape % 5 {
        0 => input.take(len).to_vec(),
        _ => "aä€😀".bytes().cycle().take(len).collect(),
    };
    let payload = match opcode {
        8 if !shape.is_multiple_of(7) && payload.len() < 100 => {
            [&[3, 0xe8 + shape % 20], &*payload].concat()
        }
        _ => payload,
    };
    let masked = if shape % 59 == 58 { 0 } else { 0x80 };
    // A length may also be written longer than it has to be.
    match u8::try_from(payload.len()) {
        Ok(len) if len < 126 && !shape.is_multiple_of(53) => out.push(masked | len),
        _ => {
            out.push(masked + 126);
            let len = u16::try_from(payload.len()).unwrap_or(u16::MAX);
            out.extend_from_slice(&len.to_be_bytes());
        }
    }
    let mask = [shape, opcode, input.byte(), 7];
    if masked > 0 {
        out.extend_from_slice(&mask);
    }
    let masks = mask.iter().cycle().map(|mask| mask * (masked >> 7));
    out.extend(payload.iter().zip(masks).map(|(byte, mask)| byte ^ mask));
}

/// See the module.
pub fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let max = input.pick(&[64, 300, 1 << 16, 0]);
    let mode = input.byte();
    let mut cuts = Input::new(input.take(8));
    let bytes = if mode.is_multiple_of(2) {
        input.rest().to_vec()
    } else {
        let mut bytes = Vec::new();
        while !input.is_empty() && bytes.len() < 4096 {
            frame(&mut input, &mut bytes);
        }
        bytes
    };
    let whole = decoded(&bytes, max, || bytes.len());
    let single = decoded(&bytes, max, || 1);
    assert_eq!(whole, single, "the same byte by byte");
    let cut = decoded(&bytes, max, || 1 + cuts.below(40));
    assert_eq!(whole, cut, "the same in pieces");
    if max > 0 {
        compare(&whole, &bytes, max);
    }
    encoded(&bytes);
}

/// All that a decoder finds in pieces of such lengths.
fn decoded(bytes: &[u8], max: usize, mut len: impl FnMut() -> usize) -> Vec<Found> {
    let mut decoder = Decoder::new(max);
    let mut all = All::default();
    let mut rest = bytes.to_vec();
    let mut rest = &mut *rest;
    while !rest.is_empty() {
        let len = len().min(rest.len());
        let (piece, others) = rest.split_at_mut(len);
        decoder.feed(piece, &mut all);
        rest = others;
        // Fragments and the frame that goes on with them; after a violation that is ignored, another.
        let held = decoder.buffered();
        let bound = if all.0.iter().any(Found::ends) {
            2 * max
        } else {
            max
        };
        assert!(held <= bound, "{held} bytes held, {bound} allowed");
    }
    if let Some(end) = all.0.iter().position(|it| matches!(it, Found::Close(..))) {
        assert_eq!(end, all.0.len() - 1, "nothing follows a close frame");
    }
    all.0
}

/// A client's bytes, and nobody who reads the answers.
struct Stream<'a>(&'a [u8]);

impl Read for Stream<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.0.read(to)
    }
}

impl Write for Stream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What tungstenite finds, up to its first error or close frame.
fn by_tungstenite(bytes: &[u8], role: Role, max: usize) -> (Vec<Found>, Option<Error>) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(max))
        .max_frame_size(Some(max));
    let mut socket = WebSocket::from_raw_socket(Stream(bytes), role, Some(config));
    let mut found = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => found.push(Found::Text(text.as_str().into())),
            Ok(Message::Binary(bytes)) => found.push(Found::Binary(bytes.to_vec())),
            Ok(Message::Ping(payload)) => found.push(Found::Ping(payload.to_vec())),
            Ok(Message::Pong(payload)) => found.push(Found::Pong(payload.to_vec())),
            Ok(Message::Close(frame)) => {
                let (code, reason) = frame.map_or((1000, String::new()), |frame| {
                    (frame.code.into(), frame.reason.as_str().into())
                });
                found.push(Found::Close(code, reason));
                return (found, None);
            }
            Ok(Message::Frame(_)) => {}
            Err(Error::Io(_)) => return (found, None),
            Err(error) => return (found, Some(error)),
        }
    }
}

/// Both find the same before one of them ends, and then the other has a reason to, or is known to be
/// of another mind.
fn compare(ours: &[Found], bytes: &[u8], max: usize) {
    let end = ours.iter().position(Found::ends).unwrap_or(ours.len());
    let (theirs, error) = by_tungstenite(bytes, Role::Server, max);
    let their_end = theirs.iter().position(Found::ends).unwrap_or(theirs.len());
    let both = end.min(their_end);
    assert_eq!(ours[..both], theirs[..both]);
    if end < their_end {
        // faye counts a control frame as a part of the message that it interrupts.
        let Some(Found::Violation(code, _)) = ours.get(end) else {
            panic!("{:?} is missing", theirs[end]);
        };
        assert_eq!(*code, 1009, "tungstenite goes on with {:?}", theirs[end]);
    } else if their_end < end {
        // tungstenite judges UTF-8 before a message is complete.
        assert!(
            matches!(error, Some(Error::Utf8(_))),
            "{error:?} instead of {:?}",
            ours[their_end]
        );
    } else if let Some(Found::Close(code, reason)) = ours.get(end) {
        match (theirs.get(end), error) {
            // Codes that faye does not know are answered with 1002, and tungstenite has a reason of its own.
            (Some(Found::Close(theirs, their_reason)), _) => {
                assert!(code == theirs || *code == 1002);
                assert!(reason == their_reason || their_reason == "Protocol violation");
            }
            (None, Some(Error::Protocol(ProtocolError::InvalidCloseSequence))) => {
                assert_eq!(*code, 1002);
            }
            // UTF-8 in the reason, or in a fragment before.
            (
                None,
                Some(Error::Utf8(_) | Error::Capacity(CapacityError::MessageTooLong { .. })),
            ) => {}
            other => panic!("{other:?} instead of a close with {code}"),
        }
    }
}

/// What the encoder writes is what tungstenite reads.
fn encoded(payload: &[u8]) {
    let text = String::from_utf8_lossy(payload);
    let mut out = Vec::new();
    encode(Kind::Text, text.as_bytes(), &mut out);
    encode(Kind::Binary, payload, &mut out);
    let plain = out.clone();
    let mut guessed = Vec::new();
    for least in [0, payload.len(), payload.len() + 200] {
        guessed.clear();
        encode_with(Kind::Text, text.len(), &mut guessed, |out| {
            out.extend_from_slice(text.as_bytes());
        });
        encode_with(Kind::Binary, least, &mut guessed, |out| {
            out.extend_from_slice(payload);
        });
        assert_eq!(guessed, plain);
    }
    encode_close(1000, text.as_bytes(), &mut out);
    let (found, error) = by_tungstenite(&out, Role::Client, 1 << 20);
    assert!(error.is_none(), "{error:?}");
    let [Found::Text(a), Found::Binary(b), Found::Close(1000, reason)] = &found[..] else {
        panic!("{found:?}");
    };
    assert!(*a == text && b == payload && text.starts_with(reason) && reason.len() <= 123);
    assert!(
        reason.len() + 3 >= text.len().min(123),
        "cut no more than needed"
    );
}
