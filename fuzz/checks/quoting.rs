//! Quoting. Any JavaScript string is quoted exactly as in 0.3.24, and every JSON parser reads it as the same string.

use sockjs_rs::protocol::json::{
    decode_array, quote, quote_str, stringify, stringify_in_script, utf16_len,
};

use super::input::Input;
use super::json::Element;
use super::payloads::Inbox;

/// The UTF-16 units of a string, in runs of one kind, so that there are long runs of plain text.
fn units(input: &mut Input<'_>) -> Vec<u16> {
    let mut units = Vec::new();
    while !input.is_empty() {
        let kind = input.below(8);
        let count = input.below(80);
        for byte in input.take(count) {
            units.push(match kind {
                0..=2 => 0x20 + u16::from(byte % 0x60),
                3 => u16::from(byte % 0x30),
                4 => u16::from(*byte),
                5 => 0xd800 + u16::from(*byte) * 8,
                6 => 0x2000 + u16::from(byte % 0x80),
                _ => u16::from(*byte) << 8 | 0xff,
            });
        }
        units.push(u16::from(input.byte()) << 8 | u16::from(input.byte()));
    }
    units
}

/// Whether 0.3.24 escapes a unit. JSON requires a part of these escapes only.
fn is_escaped(unit: u16) -> bool {
    matches!(
        unit,
        0..=0x1f
            | 0xd800..=0xdfff
            | 0x200c..=0x200f
            | 0x2028..=0x202f
            | 0x2060..=0x206f
            | 0xfff0..=0xffff
    )
}

/// Quotes one unit at a time, by the rule in docs/compatibility.md, "Text".
fn quoted(units: &[u16]) -> String {
    let mut text = String::from("\"");
    for &unit in units {
        match unit {
            0x22 => text.push_str("\\\""),
            0x5c => text.push_str("\\\\"),
            0x08 => text.push_str("\\b"),
            0x09 => text.push_str("\\t"),
            0x0a => text.push_str("\\n"),
            0x0c => text.push_str("\\f"),
            0x0d => text.push_str("\\r"),
            _ if is_escaped(unit) => text.extend(format!("\\u{unit:04x}").chars()),
            _ => text.extend(char::from_u32(unit.into())),
        }
    }
    text.push('"');
    text
}

/// See the module.
pub fn check(data: &[u8]) {
    let units = units(&mut Input::new(data));
    let mut out = b"before".to_vec();
    let count = quote(&units, &mut out);
    let text = std::str::from_utf8(&out).expect("what is quoted is UTF-8");
    let text = text.strip_prefix("before").expect("it is appended");
    assert_eq!(text, quoted(&units));
    assert_eq!(count, text.encode_utf16().count());
    assert_eq!(count, utf16_len(text.as_bytes()));

    let mut inbox = Inbox::default();
    assert_eq!(decode_array(&format!("[{text}]"), &mut inbox), Ok(()));
    assert_eq!(inbox.0, [Element::Text(units.clone())]);

    let frame = String::from_utf16_lossy(&units);
    if frame.encode_utf16().eq(units.iter().copied()) {
        assert_eq!(
            serde_json::from_str::<String>(text).ok().as_ref(),
            Some(&frame)
        );
    }
    let mut out = Vec::new();
    let count = quote_str(&frame, &mut out);
    assert_eq!(
        String::from_utf8(out).ok(),
        Some(quoted(&frame.encode_utf16().collect::<Vec<_>>()))
    );
    assert!(count >= frame.encode_utf16().count() + 2);
    frames(&frame);
}

/// A frame inside a script or a call is read as the same string.
fn frames(frame: &str) {
    let mut out = Vec::new();
    let count = stringify(frame.as_bytes(), &mut out);
    assert_eq!(count, utf16_len(&out));
    let read: String = serde_json::from_slice(&out).expect("it is JSON");
    assert_eq!(read, frame);

    let mut out = Vec::new();
    let count = stringify_in_script(frame.as_bytes(), &mut out);
    assert_eq!(count, utf16_len(&out));
    let text = String::from_utf8(out).expect("it is UTF-8");
    assert!(!text.contains("</") && !text.contains("<!--"), "{text}");
    // JSON does not have this escape, JavaScript has.
    let read: String = serde_json::from_str(&text.replace("<\\!--", "<!--")).expect("it is JSON");
    assert_eq!(read, frame);
}
