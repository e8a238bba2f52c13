//! Payloads of clients. Exactly the payloads that `JSON.parse` accepts are accepted, with the same values. A payload
//! that is refused delivers nothing.

use sockjs_rs::http::payload::{JsonpPayload, jsonp_send_payload, xhr_send_payload};
use sockjs_rs::protocol::json::{Messages, PayloadError, decode_array, decode_websocket};

use super::input::Input;
use super::json::{Document, Element, parse};

/// The messages that were delivered.
#[derive(Debug, Default)]
pub struct Inbox(pub Vec<Element>);

impl Messages for Inbox {
    fn ascii(&mut self, text: &[u8]) {
        assert!(text.is_ascii(), "ascii() is for ASCII: {text:?}");
        let units = text.iter().copied().map(u16::from).collect();
        self.0.push(Element::Text(units));
    }

    fn wide(&mut self, fill: &mut dyn FnMut(&mut Vec<u16>)) {
        // The units that are already there belong to other messages.
        let mut units = vec![7];
        fill(&mut units);
        assert_eq!(units.remove(0), 7);
        self.0.push(Element::Text(units));
    }

    fn value(&mut self, json: &str) {
        self.0.push(Element::Value(json.into()));
    }
}

/// Decodes a payload, and gives the messages or the error.
fn outcome(
    decode: impl FnOnce(&mut Inbox) -> Result<(), PayloadError>,
) -> Result<Vec<Element>, PayloadError> {
    let mut inbox = Inbox::default();
    let decoded = decode(&mut inbox);
    assert!(
        decoded.is_ok() || inbox.0.is_empty(),
        "a refused payload has delivered {inbox:?}"
    );
    decoded.map(|()| inbox.0)
}

/// See the module.
pub fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let mode = input.byte();
    let rest = input.rest();
    bodies(mode, rest);
    let text = &*String::from_utf8_lossy(rest);
    let parsed = parse(text);
    if serde_json::from_str::<serde_json::Value>(text).is_ok() {
        assert!(parsed.is_some(), "serde_json takes {text:?}");
    }
    let array = match &parsed {
        None => Err(PayloadError::Broken),
        Some(Document::Array(elements)) => Ok(elements.clone()),
        Some(Document::Other(_)) => Err(PayloadError::NotArray),
    };
    assert_eq!(
        outcome(|inbox| decode_array(text, inbox)),
        array,
        "{text:?}"
    );

    let single = match &parsed {
        _ if text.is_empty() => Ok(Vec::new()),
        None => Err(PayloadError::Broken),
        Some(Document::Other(element)) => Ok(vec![element.clone()]),
        Some(Document::Array(_)) => {
            let space = |c| matches!(c, ' ' | '\t' | '\n' | '\r');
            Ok(vec![Element::Value(text.trim_matches(space).into())])
        }
    };
    let text_frame = if text.starts_with('[') {
        &array
    } else {
        &single
    };
    let found = outcome(|inbox| decode_websocket(text, true, inbox));
    assert_eq!(&found, text_frame, "{text:?}");
    let found = outcome(|inbox| decode_websocket(text, false, inbox));
    assert_eq!(found, single, "{text:?}");
}

/// Bodies of requests are decoded as the same JSON.
fn bodies(mode: u8, body: &[u8]) {
    const TYPES: [Option<&str>; 5] = [
        None,
        Some("text/plain"),
        Some("text/plain; charset=x"),
        Some("application/x-www-form-urlencoded"),
        Some("TEXT/PLAIN"),
    ];
    let content_type = TYPES[usize::from(mode) % TYPES.len()];
    if let Ok(text) = xhr_send_payload(content_type, body) {
        assert_eq!(text, String::from_utf8_lossy(body));
    }
    match jsonp_send_payload(content_type, body) {
        Ok(JsonpPayload::Json(text)) => {
            let array = outcome(|inbox| decode_array(&text, inbox));
            let payload = JsonpPayload::Json(text);
            let mut inbox = Inbox::default();
            assert_eq!(payload.deliver(&mut inbox).is_ok(), array.is_ok());
            assert_eq!(inbox.0, array.unwrap_or_default());
        }
        Ok(payload @ JsonpPayload::Strings(_)) => {
            let mut inbox = Inbox::default();
            assert!(payload.deliver(&mut inbox).is_ok());
            assert!(inbox.0.len() > 1, "a single value is JSON");
        }
        Err(_) => {}
    }
}
