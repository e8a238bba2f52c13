//! Hixie-76: the decoder is the same whatever the splits, bounded, and of one mind with the draft read byte by
//! byte; the encoder, as the decoder reads it; keys, as JavaScript reads them.

use sockjs_rs::protocol::hixie::{Challenge, Decoder, Handshake, encode_close, encode_with};
use sockjs_rs::protocol::json::plain_element;
use sockjs_rs::protocol::websocket::Incoming;

use super::input::Input;

/// What a decoder has found.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    Text(String),
    TooLarge,
    Close,
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
        panic!("a binary message: {bytes:?}");
    }
    fn ping(&mut self, payload: &[u8]) {
        panic!("a ping: {payload:?}");
    }
    fn pong(&mut self, payload: &[u8]) {
        panic!("a pong: {payload:?}");
    }
    fn violation(&mut self, code: u16, _reason: &str) {
        assert_eq!(code, 1009, "nothing else is wrong");
        self.0.push(Found::TooLarge);
    }
    fn close(&mut self, _code: u16, _reason: &str) {
        self.0.push(Found::Close);
    }
}

/// A frame made of decisions: mostly one that makes sense.
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
        // With a length, which may also be written longer than it has to be.
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
    let bytes = if mode.is_multiple_of(2) {
        input.rest().to_vec()
    } else {
        let mut bytes = Vec::new();
        while !input.is_empty() && bytes.len() < 4096 {
            frame(&mut input, &mut bytes);
        }
        bytes
    };
    let expected = by_the_draft(&bytes, max);
    let whole = decoded(&bytes, max, || bytes.len());
    assert_eq!(whole, expected);
    assert_eq!(decoded(&bytes, max, || 1), expected, "byte by byte");
    let cut = decoded(&bytes, max, || 1 + cuts.below(40));
    assert_eq!(cut, expected, "in pieces");
    encoded(&bytes);
}

/// All that a decoder finds in pieces of such lengths.
fn decoded(bytes: &[u8], max: usize, mut len: impl FnMut() -> usize) -> Vec<Found> {
    let mut decoder = Decoder::new(max);
    let mut all = All::default();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (piece, others) = rest.split_at(len().clamp(1, rest.len()));
        decoder.feed(piece, &mut all);
        rest = others;
        let held = decoder.buffered();
        assert!(held <= max, "{held} bytes held, {max} allowed");
    }
    all.0
}

/// What the draft says (5.3), with the bound, and with the one thing that faye-websocket does not take from it:
/// behind a closing frame with a length, any frame without one closes.
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

/// What the encoder writes is what the decoder reads.
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

/// A key is taken if JavaScript's numbers, of which the first 2^53 are exact, say so.
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
