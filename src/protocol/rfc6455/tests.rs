//! Tests of the decoder and the encoder.

use super::decode::close_answer;
use super::*;

#[derive(Default)]
struct Log(Vec<String>);

impl Incoming for Log {
    fn text(&mut self, text: &str) {
        self.0.push(format!("text {text}"));
    }
    fn binary(&mut self, bytes: &[u8]) {
        self.0.push(format!("binary {bytes:?}"));
    }
    fn ping(&mut self, payload: &[u8]) {
        self.0.push(format!("ping {payload:?}"));
    }
    fn pong(&mut self, payload: &[u8]) {
        self.0.push(format!("pong {payload:?}"));
    }
    fn violation(&mut self, code: u16, reason: &str) {
        self.0.push(format!("violation {code} {reason}"));
    }
    fn close(&mut self, code: u16, reason: &str) {
        self.0.push(format!("close {code} {reason}"));
    }
}

fn client_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [1, 2, 3, 4];
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..=125 => bytes.push(0x80 | u8::try_from(len).unwrap()),
        len => {
            bytes.push(0xfe);
            bytes.extend_from_slice(&u16::try_from(len).unwrap().to_be_bytes());
        }
    }
    bytes.extend_from_slice(&mask);
    bytes.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    bytes
}

fn decode(bytes: &[u8], piece: usize) -> Vec<String> {
    let mut decoder = Decoder::new(1000);
    let mut log = Log::default();
    for piece in bytes.to_vec().chunks_mut(piece) {
        decoder.feed(piece, &mut log);
    }
    log.0
}

#[test]
fn the_split_of_the_bytes_does_not_matter() {
    let mut bytes = client_frame(0x81, "héllo".as_bytes());
    bytes.extend(client_frame(0x01, b"frag"));
    bytes.extend(client_frame(0x89, b""));
    bytes.extend(client_frame(0x80, b"ment"));
    bytes.extend(client_frame(0x82, &[7; 300]));
    bytes.extend(client_frame(0x8a, b"x"));
    bytes.extend(client_frame(0x88, &[0x0b, 0xb8, b'b', b'y', b'e']));
    bytes.extend(client_frame(0x81, b"after"));
    let whole = decode(&bytes, bytes.len());
    assert_eq!(whole[0], "text héllo");
    assert_eq!(whole[1], "ping []");
    assert_eq!(whole[2], "text fragment");
    assert_eq!(whole[5], "close 3000 bye");
    assert_eq!(whole.len(), 6);
    for piece in 1..20 {
        assert_eq!(decode(&bytes, piece), whole, "pieces of {piece}");
    }
}

#[test]
fn violations_get_the_codes_and_texts_of_faye_websocket() {
    let cases: [(&[u8], &str); 8] = [
        (
            &[0xc1],
            "violation 1002 One or more reserved bits are on: reserved1 = 1, reserved2 = 0, reserved3 = 0",
        ),
        (&[0x83], "violation 1002 Unrecognized frame opcode: 3"),
        (
            &[0x09],
            "violation 1002 Received fragmented control frame: opcode = 9",
        ),
        (
            &[0x81, 0x01],
            "violation 1003 Received unmasked frame but masking is required",
        ),
        (
            &[0x89, 0xfe, 0x00, 0x7e],
            "violation 1002 Received control frame having too long payload: 126",
        ),
        (
            &[0x81, 0xfe, 0x03, 0xe9],
            "violation 1009 WebSocket frame length too large",
        ),
        (
            &[0x81, 0x81, 0, 0, 0, 0, 0xff],
            "violation 1007 Could not decode a text frame as UTF-8",
        ),
        (
            &[0x80, 0x80, 0, 0, 0, 0],
            "violation 1002 Received unexpected continuation frame",
        ),
    ];
    for (bytes, expected) in cases {
        assert_eq!(decode(bytes, 1)[0], expected);
    }
}

#[test]
fn decoding_continues_after_a_violation_as_in_faye_websocket() {
    // An unmasked frame has its payload directly after its length. A new message replaces the unfinished one.
    let mut bytes = vec![0x01, 2, b'h', b'i'];
    bytes.extend(client_frame(0x81, b"next"));
    bytes.extend(client_frame(0x83, b"unknown"));
    bytes.extend(client_frame(0x89, &[b'p'; 200]));
    bytes.extend(client_frame(0x88, b""));
    let log = decode(&bytes, bytes.len());
    assert_eq!(log[0][..14], *"violation 1003");
    assert_eq!(log[1][..14], *"violation 1002");
    assert_eq!(log[2], "text next");
    assert_eq!(log[3], "violation 1002 Unrecognized frame opcode: 3");
    assert_eq!(log[4][..14], *"violation 1002");
    assert!(log[5].starts_with("ping"));
    assert_eq!(log[6], "close 1000 ");
    for piece in 1..20 {
        assert_eq!(decode(&bytes, piece), log, "pieces of {piece}");
    }
}

#[test]
fn the_payload_of_a_frame_beyond_the_bound_is_not_kept_after_a_violation() {
    let mut bytes = [&[0x89, 0xff][..], &[0xff; 8], &[0; 4], &[b'x'; 5000]].concat();
    let mut decoder = Decoder::new(1000);
    let mut log = Log::default();
    for piece in bytes.chunks_mut(100) {
        decoder.feed(piece, &mut log);
        assert_eq!(decoder.buffered(), 0);
    }
    assert_eq!(log.0[0][..14], *"violation 1002");
}

#[test]
fn decoding_continues_after_a_frame_that_is_too_long() {
    for len in [1001_u16, 65535] {
        let mut bytes = client_frame(0x01, b"begun");
        bytes.extend(client_frame(0x80, &vec![b'x'; usize::from(len)]));
        bytes.extend(client_frame(0x81, b"next"));
        bytes.extend(client_frame(0x88, b""));
        for piece in [1, 7, 1000, bytes.len()] {
            assert_eq!(
                decode(&bytes, piece),
                [
                    "violation 1009 WebSocket frame length too large",
                    "text next",
                    "close 1000 "
                ],
                "pieces of {piece}"
            );
        }
    }
}

#[test]
fn fragments_count_together_against_the_limit() {
    let mut bytes = client_frame(0x01, &[b'x'; 600]);
    bytes.extend(client_frame(0x80, &[b'x'; 401]));
    assert_eq!(
        decode(&bytes, 4096),
        ["violation 1009 WebSocket frame length too large"]
    );
}

#[test]
fn close_frames_are_answered_as_by_faye_websocket() {
    let answer = |code: u16| close_answer(&code.to_be_bytes()).0;
    assert_eq!(close_answer(b""), (1000, ""));
    assert_eq!(close_answer(b"x"), (1002, ""));
    assert_eq!(close_answer(&[0x03, 0xe8, 0xff]), (1002, ""));
    for code in [1000, 1001, 1002, 1003, 1007, 1011, 3000, 4999] {
        assert_eq!(answer(code), code);
    }
    for code in [0, 999, 1004, 1005, 1006, 1012, 1015, 2999, 5000, 65535] {
        assert_eq!(answer(code), 1002);
    }
}

#[test]
fn the_header_has_the_size_that_the_payload_needs() {
    for (min_len, len, header_len) in [
        (5, 5, 2),
        (5, 125, 2),
        (5, 126, 4),
        (126, 126, 4),
        (100, 65536, 10),
        (65536, 65536, 10),
    ] {
        let mut out = b"before".to_vec();
        encode_with(Opcode::Text, min_len, &mut out, |out| {
            out.resize(out.len() + len, b'x');
        });
        let mut expected = b"before".to_vec();
        encode(Opcode::Text, &vec![b'x'; len], &mut expected);
        assert_eq!(out, expected);
        assert_eq!(out.len(), 6 + header_len + len);
    }
}

#[test]
fn a_control_frame_beyond_the_bound_is_dropped_completely_in_any_pieces() {
    let mut bytes = client_frame(0x89, &[7; 1500]);
    bytes.extend(client_frame(0x81, b"after"));
    let whole = decode(&bytes, bytes.len());
    assert_eq!(whole.last().unwrap(), "text after");
    for piece in [1, 7, 600] {
        assert_eq!(decode(&bytes, piece), whole);
    }
}
