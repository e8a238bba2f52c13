//! Websockets. The decoder reports the same for any pieces, keeps its bounds, and agrees with tungstenite up to the
//! first error of either. tungstenite reads what the encoder writes.

use std::io::{self, Read, Write};

use sockjs_rs::protocol::rfc6455::{Decoder, Opcode, encode, encode_close, encode_with};
use tungstenite::error::{CapacityError, ProtocolError};
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

use super::frames::{self, Found, Recorder};
use super::input::Input;

/// Makes a masked frame from the input; most frames are valid.
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
    // A length may have more bytes than it needs.
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
    let bytes = frames::bytes(mode % 2 == 1, input, frame);
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

/// All that a decoder reports for pieces of these lengths.
fn decoded(bytes: &[u8], max: usize, len: impl FnMut() -> usize) -> Vec<Found> {
    let mut decoder = Decoder::new(max);
    let mut recorder = Recorder::default();
    frames::in_pieces(bytes, len, |piece| {
        decoder.feed(piece, &mut recorder);
        // It may hold the fragments of a message and the next one; after a violation, which is ignored here,
        // also a second message.
        let has_ended = recorder.0.iter().any(Found::ends);
        let bound = if has_ended { 2 * max } else { max };
        let held = decoder.buffered();
        assert!(held <= bound, "{held} bytes held, {bound} allowed");
    });
    let found = recorder.0;
    if let Some(end) = found.iter().position(|it| matches!(it, Found::Close(..))) {
        assert_eq!(end, found.len() - 1, "nothing follows a close frame");
    }
    found
}

/// A stream with the bytes of a client, which ignores the answers.
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

/// What tungstenite reports, up to its first error or close frame.
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

/// Asserts that both report the same until one of them ends, and that the other one ends there too, except for known
/// differences.
fn compare(ours: &[Found], bytes: &[u8], max: usize) {
    let end = ours.iter().position(Found::ends).unwrap_or(ours.len());
    let (theirs, error) = by_tungstenite(bytes, Role::Server, max);
    let their_end = theirs.iter().position(Found::ends).unwrap_or(theirs.len());
    let both = end.min(their_end);
    assert_eq!(ours[..both], theirs[..both]);
    if end < their_end {
        // As in faye, a control frame counts as a part of the message that it interrupts.
        let Some(Found::Violation(code, _)) = ours.get(end) else {
            panic!("{:?} is missing", theirs[end]);
        };
        assert_eq!(*code, 1009, "tungstenite goes on with {:?}", theirs[end]);
    } else if their_end < end {
        // tungstenite checks UTF-8 before a message is complete.
        assert!(
            matches!(error, Some(Error::Utf8(_))),
            "{error:?} instead of {:?}",
            ours[their_end]
        );
    } else if let Some(Found::Close(code, reason)) = ours.get(end) {
        match (theirs.get(end), error) {
            // Codes that faye does not know are answered with 1002; the reason of tungstenite differs.
            (Some(Found::Close(theirs, their_reason)), _) => {
                assert!(code == theirs || *code == 1002);
                assert!(reason == their_reason || their_reason == "Protocol violation");
            }
            (None, Some(Error::Protocol(ProtocolError::InvalidCloseSequence))) => {
                assert_eq!(*code, 1002);
            }
            // Invalid UTF-8 in the reason, or in an earlier fragment.
            (
                None,
                Some(Error::Utf8(_) | Error::Capacity(CapacityError::MessageTooLong { .. })),
            ) => {}
            other => panic!("{other:?} instead of a close with {code}"),
        }
    }
}

/// tungstenite reads what the encoder writes.
fn encoded(payload: &[u8]) {
    let text = String::from_utf8_lossy(payload);
    let mut out = Vec::new();
    encode(Opcode::Text, text.as_bytes(), &mut out);
    encode(Opcode::Binary, payload, &mut out);
    let plain = out.clone();
    let mut guessed = Vec::new();
    for least in [0, payload.len(), payload.len() + 200] {
        guessed.clear();
        encode_with(Opcode::Text, text.len(), &mut guessed, |out| {
            out.extend_from_slice(text.as_bytes());
        });
        encode_with(Opcode::Binary, least, &mut guessed, |out| {
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
