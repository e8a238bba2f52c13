//! Extracts the JSON from the bodies of `xhr_send` and `jsonp_send`.

use std::borrow::Cow;

use super::query;
use super::response::Refusal;
use crate::protocol::json::{Messages, decode_array};
use crate::protocol::transport::Sender;

/// The payload of a `jsonp_send`.
#[derive(Debug, PartialEq, Eq)]
pub enum JsonpPayload<'a> {
    /// The JSON text of an array of messages.
    Json(Cow<'a, str>),
    /// The values of a repeated form field `d`. As in 0.3.24, each of them is a message itself.
    Strings(Vec<String>),
}

/// Whether the sender accepts this content type. The caller logs others, as 0.3.24 does.
pub fn is_known_content_type(content_type: Option<&str>, sender: Sender) -> bool {
    let accepted = match sender {
        Sender::Xhr => XHR_TYPES,
        Sender::Jsonp => &["application/x-www-form-urlencoded", "text/plain"],
    };
    accepted_content_type(content_type, accepted)
}

/// The JSON text of an `xhr_send` body. `content_type` is compared exactly, without its parameters:
/// `TEXT/PLAIN` and `text/plain ;x` are refused, as in 0.3.24.
pub fn xhr_send_payload<'a>(
    content_type: Option<&str>,
    body: &'a [u8],
) -> Result<Cow<'a, str>, Refusal> {
    if !accepted_content_type(content_type, XHR_TYPES) || body.is_empty() {
        return Err(Refusal::PayloadExpected);
    }
    Ok(text(body))
}

/// The payload of a `jsonp_send` body: a form with the field `d`, or plain text. Plain text is the JSON of an array, or
/// a JSON string that contains it.
pub fn jsonp_send_payload<'a>(
    content_type: Option<&str>,
    body: &'a [u8],
) -> Result<JsonpPayload<'a>, Refusal> {
    let text = text(body);
    if accepted_content_type(content_type, &["application/x-www-form-urlencoded"])
        && content_type.is_some_and(|content_type| !mime(content_type).is_empty())
    {
        let mut values = query::get(&text, "d").ok_or(Refusal::PayloadExpected)?;
        return match (values.pop(), values.is_empty()) {
            (Some(only), true) if only.is_empty() => Err(Refusal::PayloadExpected),
            (Some(only), true) => Ok(JsonpPayload::Json(only.into())),
            (last, _) => {
                values.extend(last);
                Ok(JsonpPayload::Strings(values))
            }
        };
    }
    if !accepted_content_type(content_type, &["text/plain"]) || text.is_empty() {
        return Err(Refusal::PayloadExpected);
    }
    if text.trim_ascii_start().starts_with('"') {
        return unquoted(&text);
    }
    Ok(JsonpPayload::Json(text))
}

/// The text of a JSON string. [`JsonpPayload::deliver`] parses it in turn.
fn unquoted(text: &str) -> Result<JsonpPayload<'static>, Refusal> {
    let inner: String = InnerText::of(text)?;
    if inner.is_empty() {
        Err(Refusal::PayloadExpected)
    } else {
        Ok(JsonpPayload::Json(inner.into()))
    }
}

/// Receives the text of a payload that is one JSON string. Lone surrogates become U+FFFD.
#[derive(Default)]
struct InnerText(String);

impl InnerText {
    fn of(text: &str) -> Result<String, Refusal> {
        let mut to = Self::default();
        crate::protocol::json::decode_websocket(text, false, &mut to)?;
        Ok(to.0)
    }
}

impl Messages for InnerText {
    fn ascii(&mut self, text: &[u8]) {
        self.0 = String::from_utf8_lossy(text).into_owned();
    }

    fn wide(&mut self, fill: &mut dyn FnMut(&mut Vec<u16>)) {
        let mut units = Vec::new();
        fill(&mut units);
        self.0 = String::from_utf16_lossy(&units);
    }

    fn value(&mut self, _: &str) {}
}

impl JsonpPayload<'_> {
    /// Delivers all messages, or none if the payload is invalid.
    pub fn deliver(&self, to: &mut impl Messages) -> Result<(), Refusal> {
        match self {
            Self::Json(json) => decode_array(json, to)?,
            Self::Strings(values) => {
                for value in values {
                    if value.is_ascii() {
                        to.ascii(value.as_bytes());
                    } else {
                        to.wide(&mut |units| units.extend(value.encode_utf16()));
                    }
                }
            }
        }
        Ok(())
    }
}

/// A body as text. U+FFFD replaces invalid UTF-8.
fn text(body: &[u8]) -> Cow<'_, str> {
    // For valid text, this check is much faster than `from_utf8_lossy`.
    std::str::from_utf8(body).map_or_else(|_| String::from_utf8_lossy(body), Cow::from)
}

fn accepted_content_type(content_type: Option<&str>, accepted: &[&str]) -> bool {
    let mime = mime(content_type.unwrap_or(""));
    mime.is_empty() || accepted.contains(&mime)
}

/// A content type without its parameters, otherwise unchanged.
fn mime(content_type: &str) -> &str {
    content_type
        .split_once(';')
        .map_or(content_type, |(mime, _)| mime)
}

/// The list of 0.3.24, which has `T`.
const XHR_TYPES: &[&str] = &[
    "text/plain",
    "T",
    "application/json",
    "application/xml",
    "text/xml",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn form(body: &str) -> Result<JsonpPayload<'_>, Refusal> {
        jsonp_send_payload(
            Some("application/x-www-form-urlencoded; charset=UTF-8"),
            body.as_bytes(),
        )
    }

    fn json(text: &str) -> JsonpPayload<'static> {
        JsonpPayload::Json(text.to_owned().into())
    }

    #[test]
    fn content_types_of_xhr_send_are_compared_exactly() {
        for content_type in [
            None,
            Some(""),
            Some("text/plain;charset=UTF-8"),
            Some("T"),
            Some(";x"),
        ] {
            assert_eq!(
                xhr_send_payload(content_type, b"[]"),
                Ok("[]".into()),
                "{content_type:?}"
            );
        }
        for content_type in [
            "TEXT/PLAIN",
            "text/plain ;x",
            "text/html",
            "application/x-www-form-urlencoded",
        ] {
            assert_eq!(
                xhr_send_payload(Some(content_type), b"[]"),
                Err(Refusal::PayloadExpected),
                "{content_type}"
            );
        }
        assert_eq!(xhr_send_payload(None, b""), Err(Refusal::PayloadExpected));
    }

    #[test]
    fn invalid_utf8_is_replaced() {
        assert_eq!(
            xhr_send_payload(None, b"[\"\xff\"]"),
            Ok("[\"\u{fffd}\"]".into())
        );
    }

    #[test]
    fn a_form_holds_its_json_in_d() {
        assert_eq!(form("d=%5B%22a+b%22%5D"), Ok(json("[\"a b\"]")));
        assert_eq!(
            form("x=1&d=a&d=b"),
            Ok(JsonpPayload::Strings(vec!["a".into(), "b".into()]))
        );
        assert_eq!(
            form("d=&d="),
            Ok(JsonpPayload::Strings(vec![String::new(), String::new()]))
        );
        for body in ["", "x=1", "d=", "d"] {
            assert_eq!(form(body), Err(Refusal::PayloadExpected), "{body}");
        }
    }

    #[test]
    fn plain_text_is_json_or_a_string_of_json() {
        let plain = |body: &'static str| jsonp_send_payload(None, body.as_bytes());
        assert_eq!(plain("[\"a\"]"), Ok(json("[\"a\"]")));
        assert_eq!(plain(" \"[\\\"a\\\"]\" "), Ok(json("[\"a\"]")));
        assert_eq!(plain("\"[\\u0022é\\u0022]\""), Ok(json("[\"é\"]")));
        assert_eq!(plain("\"[\\\"a"), Err(Refusal::BrokenJson));
        assert_eq!(plain("\"\""), Err(Refusal::PayloadExpected));
        assert_eq!(plain(""), Err(Refusal::PayloadExpected));
        assert_eq!(
            jsonp_send_payload(Some("a/b"), b"[]"),
            Err(Refusal::PayloadExpected)
        );
    }
}
