//! Hixie-76. The decoder reports the same for any pieces, keeps its bound, and agrees with a byte-by-byte reading
//! of the draft. The decoder reads what the encoder writes. Keys are read as JavaScript reads them.

use sockjs_rs::protocol::hixie::{Challenge, Decoder, Handshake, encode_close, encode_with};

use super::frames::{self, Recorder};
use super::input::Input;

/// Something that a decoder of Hixie-76 may report.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    Text(String),
    TooLarge,
    Close,
}

impl From<frames::Found> for Found {
    fn from(found: frames::Found) -> Self {
        match found {
            frames::Found::Text(text) => Self::Text(text),
            frames::Found::Violation(1009, _) => Self::TooLarge,
            frames::Found::Close(..) => Self::Close,
            other => panic!("Hixie-76 has no {other:?}"),
        }
    }
}

/// Makes a frame from the input; most frames are valid.
fn frame(input: &mut Input<'_>, out: &mut Vec<u8>) {
    let shape = input.byte();
    let len = match shape % 7 {
        0 => 0,
        1 => 120 + input.below(256),
        _ => input.below(30),
    };
    let payload = match shape % 5 {
        0 => input.take(len).to_vec(),
        1 => format!("[\"{}\"]", "x".repeat(len)).into_bytes(),
        _ => "a\u{e4}\u{20ac}\u{1f600}"
            .bytes()
            .cycle()
            .take(len)
            .collect(),
    };
    match shape % 11 {
        0..=6 => {
            out.push(if shape % 13 == 12 { shape & 0x7f } else { 0 });
            out.extend_from_slice(&payload);
            out.push(0xff);
        }
        // A frame with a length, which may have more digits than it needs.
        kind @ 7..=9 => {
            out.push(if kind == 9 { 0xff } else { 0x80 | shape });
            out.resize(out.len() + usize::from(shape % 3), 0x80);
            if let high @ 1.. = payload.len() >> 7 {
                out.push(0x80 | u8::try_from(high).unwrap_or(0x7f));
            }
            out.push(payload.len().to_le_bytes()[0] & 0x7f);
            out.extend_from_slice(&payload);
        }
        _ => out.extend_from_slice(&[0xff, 0x00]),
    }
}

/// See the module.
pub fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let max = input.pick(&[64, 300, 1 << 16, 0]);
    let mode = input.byte();
    let mut cuts = Input::new(input.take(8));
    if mode % 4 == 3 {
        return keys(input.rest());
    }
    let bytes = frames::bytes(mode % 2 == 1, input, frame);
    let expected = by_the_draft(&bytes, max);
    let whole = decoded(&bytes, max, || bytes.len());
    assert_eq!(whole, expected);
    assert_eq!(decoded(&bytes, max, || 1), expected, "byte by byte");
    let cut = decoded(&bytes, max, || 1 + cuts.below(40));
    assert_eq!(cut, expected, "in pieces");
    encoded(&bytes);
}

/// All that a decoder reports for pieces of these lengths.
fn decoded(bytes: &[u8], max: usize, len: impl FnMut() -> usize) -> Vec<Found> {
    let mut decoder = Decoder::new(max);
    let mut recorder = Recorder::default();
    frames::in_pieces(bytes, len, |piece| {
        decoder.feed(piece, &mut recorder);
        let held = decoder.buffered();
        assert!(held <= max, "{held} bytes held, {max} allowed");
    });
    recorder.0.into_iter().map(Found::from).collect()
}

/// What the draft (5.3) makes of the bytes, with the bound on messages. As in faye-websocket there is one difference:
/// after a closing frame with a length, any frame without a length closes.
fn by_the_draft(bytes: &[u8], max: usize) -> Vec<Found> {
    let mut found = Vec::new();
    let mut bytes = bytes.iter().copied();
    let mut closing = false;
    while let Some(first) = bytes.next() {
        if first < 0x80 {
            let mut text = Vec::new();
            loop {
                match bytes.next() {
                    None => return found,
                    Some(0xff) => break,
                    Some(byte) => text.push(byte),
                }
                if text.len() > max {
                    found.push(Found::TooLarge);
                    return found;
                }
            }
            found.push(Found::Text(String::from_utf8_lossy(&text).into_owned()));
            continue;
        }
        closing |= first == 0xff;
        let mut length = 0_u128;
        loop {
            let Some(byte) = bytes.next() else {
                return found;
            };
            length = length << 7 | u128::from(byte & 0x7f);
            if length > max as u128 {
                found.push(Found::TooLarge);
                return found;
            }
            if closing && length == 0 {
                found.push(Found::Close);
                return found;
            }
            if byte < 0x80 {
                break;
            }
        }
        for _ in 0..length {
            bytes.next();
        }
    }
    found
}

/// The decoder reads what the encoder writes.
fn encoded(payload: &[u8]) {
    let text = String::from_utf8_lossy(payload).into_owned();
    let mut out = Vec::new();
    for _ in 0..2 {
        encode_with(&mut out, |out| out.extend_from_slice(text.as_bytes()));
    }
    encode_close(&mut out);
    let found = decoded(&out, text.len(), || out.len());
    assert_eq!(
        found,
        [Found::Text(text.clone()), Found::Text(text), Found::Close]
    );
}

/// A key is accepted exactly if the number that its digits form, divided by the number of its spaces, is an integer of
/// 32 bits. The numbers of JavaScript are exact up to 2^53; larger ones would need more spaces than an input has.
fn keys(bytes: &[u8]) {
    let key: String = bytes.iter().copied().map(char::from).collect();
    let handshake = Handshake {
        key_1: Some(&key),
        key_2: Some("6 0  "),
        origin: Some(&key),
    };
    let answer = handshake.answer("ws://localhost/", &[]);
    let digits: String = key.chars().filter(char::is_ascii_digit).collect();
    let spaces = key.matches(' ').count();
    let expected = match digits.parse::<u128>() {
        Ok(number) if spaces > 0 && number % spaces as u128 == 0 => {
            u32::try_from(number / spaces as u128).ok()
        }
        _ => None,
    };
    let taken = answer.as_ref().ok().map(|(_, challenge)| *challenge);
    assert_eq!(taken, expected.map(|number| Challenge([number, 20])));
    if let Ok((head, _)) = answer {
        let line = [b"\r\nSec-WebSocket-Origin: ", bytes, b"\r\n"].concat();
        let repeats = |part: &[u8]| part == &*line;
        assert!(head.windows(line.len()).any(repeats), "as it came");
    }
}
