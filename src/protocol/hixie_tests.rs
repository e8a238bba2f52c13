//! Tests of Hixie-76: handshake, frames, closing.

use super::*;

#[derive(Default)]
struct Log(Vec<String>);

impl Incoming for Log {
    fn text(&mut self, text: &str) {
        self.0.push(format!("text {text}"));
    }
    fn binary(&mut self, _bytes: &[u8]) {
        unreachable!("there are no binary messages");
    }
    fn ping(&mut self, _payload: &[u8]) {
        unreachable!("there are no pings");
    }
    fn pong(&mut self, _payload: &[u8]) {
        unreachable!("there are no pongs");
    }
    fn violation(&mut self, code: u16, reason: &str) {
        self.0.push(format!("violation {code} {reason}"));
    }
    fn close(&mut self, _code: u16, _reason: &str) {
        self.0.push("close".into());
    }
}

const MAX: usize = 200;

/// Decodes the bytes in pieces of each length, and checks that the result is always the same.
fn decode(bytes: &[u8]) -> Vec<String> {
    let in_pieces = |length: usize| {
        let mut decoder = Decoder::new(MAX);
        let mut log = Log::default();
        for piece in bytes.chunks(length) {
            decoder.feed(piece, &mut log);
            assert!(decoder.buffered() <= MAX);
        }
        log.0
    };
    let whole = in_pieces(bytes.len());
    for length in 1..bytes.len() {
        assert_eq!(in_pieces(length), whole, "pieces of {length} bytes");
    }
    whole
}

const GOOD: Handshake<'static> = Handshake {
    key_1: Some("4 @1  46546xW%0l 1 5"),
    key_2: Some("12998 5 Y3 1  .P00"),
    origin: Some("http://example.com"),
};
const LOCATION: &str = "ws://example.com/demo";

#[test]
fn the_example_of_the_draft_gets_the_answer_of_the_draft() {
    let (head, challenge) = GOOD.answer(LOCATION, &[]).unwrap();
    assert_eq!(
        String::from_utf8(head).unwrap(),
        "HTTP/1.1 101 WebSocket Protocol Handshake\r\n\
         Upgrade: WebSocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Origin: http://example.com\r\n\
         Sec-WebSocket-Location: ws://example.com/demo\r\n\r\n"
    );
    assert_eq!(challenge, Challenge([829_309_203, 259_970_620]));
    // Section 1.3 of the draft.
    assert_eq!(challenge.answer(*b"^n:ds[4U"), *b"8jKS'y:G*Co,Wxa-");
}

#[test]
fn a_handshake_with_only_one_key_is_refused() {
    for absent in [None, Some("")] {
        let first = Handshake {
            key_1: absent,
            ..GOOD
        };
        let error = HandshakeError::MissingHixieKey("Sec-WebSocket-Key1");
        assert_eq!(first.answer(LOCATION, &[]), Err(error));
        assert!(first.is_hixie_76());
        let second = Handshake {
            key_2: absent,
            ..GOOD
        };
        let error = HandshakeError::MissingHixieKey("Sec-WebSocket-Key2");
        assert_eq!(second.answer(LOCATION, &[]), Err(error));
        let none = Handshake {
            key_1: absent,
            ..second
        };
        assert!(!none.is_hixie_76());
    }
}

#[test]
fn a_key_contains_a_whole_number_of_32_bits() {
    assert_eq!(number("0 a"), Some(0));
    assert_eq!(number("a1b 2c"), Some(12));
    assert_eq!(number("1 2  "), Some(4));
    assert_eq!(number("4294967295 "), Some(u32::MAX));
    assert_eq!(number("42949672965  "), None);
    for key in [
        "",
        " ",
        "a b",
        "12",
        "1 2 3",
        "4294967296 ",
        &"9 9".repeat(40),
    ] {
        assert_eq!(number(key), None, "{key}");
    }
}

#[test]
fn headers_are_latin1_and_the_first_of_each_name_is_sent() {
    let handshake = Handshake {
        origin: Some("http://\u{e9}"),
        ..GOOD
    };
    let extra = [
        ("X-A".into(), "\u{20ac}".into()),
        ("x-a".into(), "2".into()),
        ("upgrade".into(), "no".into()),
    ];
    let (head, _) = handshake.answer(LOCATION, &extra).unwrap();
    let text: String = head.iter().copied().map(char::from).collect();
    assert!(text.contains("Sec-WebSocket-Origin: http://\u{e9}\r\n"));
    assert!(text.ends_with("Location: ws://example.com/demo\r\nX-A: \u{ac}\r\n\r\n"));
    let without = Handshake {
        origin: None,
        ..GOOD
    };
    let (head, _) = without.answer(LOCATION, &[]).unwrap();
    assert!(!String::from_utf8(head).unwrap().contains("Origin"));
}

#[test]
fn the_split_of_the_bytes_does_not_matter() {
    let mut bytes = b"\x00one\xff\x7f\xff\x80\x03a\xffb".to_vec();
    bytes.extend("\0h\u{e9}llo".as_bytes());
    bytes.push(END);
    bytes.extend(b"\x90\x00\x00\xc3\xff\xff\x81\x00");
    bytes.extend([0xff; 128]);
    bytes.extend(b"\xff\x00\x00late\xff");
    assert_eq!(
        decode(&bytes),
        [
            "text one",
            "text ",
            "text h\u{e9}llo",
            "text \u{fffd}",
            "close"
        ]
    );
}

#[test]
fn a_frame_that_is_too_large_is_a_violation() {
    let too_large = [format!("violation 1009 {TOO_LARGE_REASON}")];
    let text = |len: usize| [b"\x00", &*vec![b'x'; len], b"\xff\x00y\xff"].concat();
    assert_eq!(
        decode(&text(MAX)),
        [format!("text {}", "x".repeat(MAX)), "text y".into()]
    );
    assert_eq!(decode(&text(MAX + 1)), too_large);
    // The first byte beyond the bound is the violation, not the end of the text.
    assert_eq!(decode(&text(MAX + 1)[..MAX + 2]), too_large);
    let skipped = [b"\x80\x81\x48", &*vec![7; MAX], b"\x00y\xff"].concat();
    assert_eq!(decode(&skipped), ["text y"]);
    assert_eq!(decode(b"\x80\x81\x49"), too_large);
    assert_eq!(decode(&[0xff; 40]), too_large);
}

#[test]
fn a_closing_frame_with_a_length_is_skipped_and_the_next_empty_one_closes() {
    assert_eq!(
        decode(b"\xff\x02ab\x00c\xff\x80\x00\x00d\xff"),
        ["text c", "close"]
    );
    assert_eq!(decode(b"\xff\x80"), ["close"]);
}

#[test]
fn encoded_frames_are_decoded_to_the_same_messages() {
    let mut out = Vec::new();
    encode_with(&mut out, |out| out.extend_from_slice("h\u{e9}".as_bytes()));
    encode_with(&mut out, |_| {});
    encode_close(&mut out);
    assert_eq!(decode(&out), ["text h\u{e9}", "text ", "close"]);
}
