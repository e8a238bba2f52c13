//! The expected texts are those of `utils.quote` in sockjs 0.3.24, and of `JSON` in Node 20.

use super::*;
use md5::{Digest, Md5};

#[derive(Debug, PartialEq)]
enum Message {
    Ascii(String),
    Wide(Vec<u16>),
    Value(String),
}

impl Messages for Vec<Message> {
    fn ascii(&mut self, text: &[u8]) {
        assert!(text.is_ascii());
        self.push(Message::Ascii(String::from_utf8_lossy(text).into()));
    }
    fn wide(&mut self, fill: &mut dyn FnMut(&mut Vec<u16>)) {
        let mut units = Vec::new();
        fill(&mut units);
        self.push(Message::Wide(units));
    }
    fn value(&mut self, json: &str) {
        self.push(Message::Value(json.into()));
    }
}

fn ascii(text: &str) -> Message {
    Message::Ascii(text.into())
}
fn wide(units: &[u16]) -> Message {
    Message::Wide(units.into())
}
fn value(json: &str) -> Message {
    Message::Value(json.into())
}

fn array(text: &str) -> Result<Vec<Message>, PayloadError> {
    let mut to = Vec::new();
    let result = decode_array(text, &mut to);
    assert!(
        result.is_ok() || to.is_empty(),
        "delivered part of {text:?}"
    );
    result.map(|()| to)
}

fn websocket(text: &str, as_array: bool) -> Result<Vec<Message>, PayloadError> {
    let mut to = Vec::new();
    decode_websocket(text, as_array, &mut to).map(|()| to)
}

fn quoted(units: &[u16]) -> String {
    let mut out = b"a[".to_vec();
    let appended = quote(units, &mut out);
    let text = String::from_utf8(out.split_off(2)).expect("quote writes UTF-8");
    assert_eq!(appended, text.encode_utf16().count());
    text
}

#[test]
fn every_unit_is_quoted_as_in_0_3_24() {
    let all: Vec<u16> = (0..=u16::MAX).collect();
    let text = quoted(&all);
    // The length and the MD5 sum of what `utils.quote` returns for this string.
    assert_eq!(text.encode_utf16().count(), 76140);
    let digest = Md5::digest(&text);
    assert_eq!(
        u128::from_be_bytes(digest.into()),
        0xa998_bce3_793d_ab77_12d7_a84d_99b5_9793
    );
}

#[test]
fn controls_and_surrogates_are_escaped_and_del_is_not() {
    assert_eq!(
        quoted(&[0x61, 0x22, 0x5c, 8, 9, 10, 11, 12, 13, 0x7f]),
        r#""a\"\\\b\t\n\u000b\f\r"#.to_owned() + "\u{7f}\""
    );
    assert_eq!(
        quoted(&[0xd83d, 0xde00, 0xd800, 0x78, 0xdfff]),
        r#""\ud83d\ude00\ud800x\udfff""#
    );
    assert_eq!(quoted(&[]), r#""""#);
}

#[test]
fn special_characters_are_found_at_every_offset() {
    for length in 0..100 {
        for at in 0..length {
            let mut text = vec![0x61; length];
            text[at] = 0xe9;
            let string = String::from_utf16(&text).expect("no surrogates");
            assert_eq!(quoted(&text), format!("\"{string}\""));
            let mut out = Vec::new();
            assert_eq!(quote_str(&string, &mut out), length + 2);
            assert_eq!(out, quoted(&text).into_bytes());
        }
    }
}

#[test]
fn quoting_a_str_equals_quoting_its_units() {
    for text in [
        "",
        "plain",
        "\"\\\n",
        "é€\u{1f600}\u{200c}\u{fff0}x\u{7f}",
        &"\u{2028}a".repeat(50),
    ] {
        let units: Vec<u16> = text.encode_utf16().collect();
        let mut out = Vec::new();
        let appended = quote_str(text, &mut out);
        assert_eq!(String::from_utf8_lossy(&out), quoted(&units));
        assert_eq!(
            appended,
            String::from_utf8_lossy(&out).encode_utf16().count()
        );
    }
}

#[test]
fn stringify_escapes_only_what_json_or_a_script_requires() {
    let frame = "c[1,\"\n</x><!--\u{1f600}\u{2028}/!\"]";
    let plain = "\"c[1,\\\"\\n</x><!--\u{1f600}\u{2028}/!\\\"]\"";
    let mut out = Vec::new();
    assert_eq!(
        stringify(frame.as_bytes(), &mut out),
        plain.encode_utf16().count()
    );
    assert_eq!(String::from_utf8_lossy(&out), plain);
    let script = plain.replace("</", "<\\/").replace("<!--", "<\\!--");
    out.clear();
    assert_eq!(
        stringify_in_script(frame.as_bytes(), &mut out),
        script.encode_utf16().count()
    );
    assert_eq!(String::from_utf8_lossy(&out), script);
}

#[test]
fn utf16_length_counts_surrogate_pairs_as_two() {
    for text in [
        "",
        "a",
        "é€\u{1f600}",
        &"\u{1f600}".repeat(500),
        &"é".repeat(1000),
    ] {
        assert_eq!(utf16_len(text.as_bytes()), text.encode_utf16().count());
    }
}

#[test]
fn the_same_texts_are_valid_as_for_json_parse() {
    let valid = [
        "[]",
        "[ ]",
        "[1e400]",
        "[-0]",
        "[1E+5]",
        "[\"\\ud800\"]",
        "[\"\\uD83D\\uDE00\"]",
        "[\"\\/\"]",
        "[\"\u{7f}\"]",
        " [1] \r\n\t",
        "[\"\u{2028}\"]",
        "[[[[]]]]",
        "[\"\\u00e9é\"]",
        "[1e-999999999999]",
        "[123456789012345678901234567890]",
    ];
    let not_array = [
        "{\"a\":1,\"a\":2}",
        "{\"__proto__\":[]}",
        "null",
        "true",
        "\"a\"",
        "0",
        "\"\"",
    ];
    let broken = [
        "",
        "[01]",
        "[1.]",
        "[.5]",
        "[+1]",
        "[1e]",
        "[-]",
        "[\"\\u12\"]",
        "[\"\\x41\"]",
        "[\"\t\"]",
        "[\"\0\"]",
        "\u{feff}[]",
        "[]\u{feff}",
        "\u{a0}[]",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{a:1}",
        "['a']",
        "[NaN]",
        "[Infinity]",
        "[undefined]",
        "\"a\" \"b\"",
        "\u{b}[1]",
        "\u{c}[1]",
        "[tru]",
        "[nullx]",
        "[\"a\"",
        "[\"a]",
        "[1]]",
        "// x\n[]",
        "[0x10]",
        "[1_0]",
        "-",
        "\"",
        "\"\\\"",
        "\"\\u",
        "[\"\\'\"]",
        "[\"a\",\"b]",
        "[\"",
        "[\"]",
        "[\"a\",\"b\"",
        "[",
        "]",
        "[\"ok\", 01]",
    ];
    for text in valid {
        assert!(array(text).is_ok(), "{text:?}");
    }
    for text in not_array {
        assert_eq!(array(text), Err(PayloadError::NotArray), "{text:?}");
    }
    for text in broken {
        assert_eq!(array(text), Err(PayloadError::Broken), "{text:?}");
    }
}

#[test]
fn deep_nesting_does_not_use_the_stack() {
    let deep = format!("[{}{}]", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(array(&deep).map(|messages| messages.len()), Ok(1));
    assert_eq!(array(&deep[1..]), Err(PayloadError::Broken));
    assert_eq!(array(&"[".repeat(1_000_000)), Err(PayloadError::Broken));
    assert_eq!(array(&"{\"a\":".repeat(100_000)), Err(PayloadError::Broken));
}

#[test]
fn elements_arrive_as_strings_or_raw_values() {
    assert_eq!(array(r#"["a"]"#), Ok(vec![ascii("a")]));
    assert_eq!(array(r#"[""]"#), Ok(vec![ascii("")]));
    assert_eq!(
        array(
            " [ \"a\" ,\"\\\"\\\\\\n\",\"\\u0041\",\"é\\t\", \"\\ud800\" , 1e400 ,null,[1, \"],\\\"\"] ,{\"a\":{\"b\":[]}}, true]\n"
        ),
        Ok(vec![
            ascii("a"),
            ascii("\"\\\n"),
            wide(&[0x41]),
            wide(&[0xe9, 9]),
            wide(&[0xd800]),
            value("1e400"),
            value("null"),
            value(r#"[1, "],\""]"#),
            value(r#"{"a":{"b":[]}}"#),
            value("true"),
        ])
    );
    assert_eq!(
        array("[\"\u{1f600}\\ud83d\\ude00\"]"),
        Ok(vec![wide(&[0xd83d, 0xde00, 0xd83d, 0xde00])])
    );
    assert_eq!(
        array(r#"["{\"a\":1}","\\","\n"]"#),
        Ok(vec![ascii(r#"{"a":1}"#), ascii("\\"), ascii("\n")])
    );
}

#[test]
fn a_websocket_payload_is_an_array_only_if_it_begins_with_a_bracket() {
    assert_eq!(websocket("", true), Ok(vec![]));
    assert_eq!(
        websocket(r#"["a","b"]"#, true),
        Ok(vec![ascii("a"), ascii("b")])
    );
    assert_eq!(websocket(r#" ["a"] "#, true), Ok(vec![value(r#"["a"]"#)]));
    assert_eq!(websocket(r#"["a"]"#, false), Ok(vec![value(r#"["a"]"#)]));
    assert_eq!(websocket(r#""a""#, true), Ok(vec![ascii("a")]));
    assert_eq!(websocket(" \"é\" ", false), Ok(vec![wide(&[0xe9])]));
    assert_eq!(websocket("null", true), Ok(vec![value("null")]));
    assert_eq!(websocket("[1", true), Err(PayloadError::Broken));
    assert_eq!(websocket(" ", true), Err(PayloadError::Broken));
}
