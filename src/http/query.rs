//! Query strings and forms, read as Node's `querystring.parse` reads them.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use super::response::Refusal;

/// All values of `key` in order; `None` if it does not occur among the first 1000 pairs.
///
/// `+` is a space, `%XX` are bytes of UTF-8 (invalid ones become U+FFFD), any other `%` stays.
pub fn get(query: &str, key: &str) -> Option<Vec<String>> {
    let pairs = query
        .split('&')
        .take(MAX_PAIRS)
        .filter(|pair| !pair.is_empty());
    let values: Vec<String> = pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(name, _)| decode(name) == key)
        .map(|(_, value)| decode(value).into_owned())
        .collect();
    (!values.is_empty()).then_some(values)
}

/// The name of the callback in a request for jsonp or htmlfile: the parameter `c`, or else `callback`. It is ASCII.
///
/// `max_length` is in characters. As in 0.3.24, an empty name is accepted, and a repeated parameter is not.
pub fn callback(query: Option<&str>, max_length: usize) -> Result<String, Refusal> {
    let find = |key| query.and_then(|query| get(query, key));
    let mut values = find("c")
        .or_else(|| find("callback"))
        .ok_or(Refusal::CallbackRequired)?;
    match (values.pop(), values.is_empty()) {
        (Some(callback), true)
            if callback
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
                && callback.len() <= max_length =>
        {
            Ok(callback)
        }
        _ => Err(Refusal::InvalidCallback),
    }
}

fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return text.into();
    }
    let text = text.replace('+', " ");
    let bytes: Cow<'_, [u8]> = percent_decode(text.as_bytes()).into();
    String::from_utf8_lossy(&bytes).into_owned().into()
}

/// The default of `maxKeys` in Node: later pairs are ignored.
const MAX_PAIRS: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    fn values(query: &str) -> Option<Vec<String>> {
        get(query, "d")
    }

    #[test]
    fn values_are_decoded_as_by_nodes_querystring() {
        for (query, expected) in [
            ("d=a+b%20c", "a b c"),
            ("x=1&&d=%e2%82%ac=%", "€=%"),
            ("d", ""),
            ("%64=1", "1"),
            ("d=%zz%2", "%zz%2"),
            ("d=%ff%C3", "\u{fffd}\u{fffd}"),
            ("d=é", "é"),
            ("d=a%2Bb", "a+b"),
        ] {
            assert_eq!(values(query), Some(vec![expected.into()]), "{query}");
        }
        assert_eq!(values("d=1&d=2&e=3"), Some(vec!["1".into(), "2".into()]));
        assert_eq!(values(""), None);
        assert_eq!(values("=d&dd=1"), None);
    }

    #[test]
    fn only_a_thousand_pairs_are_read() {
        assert_eq!(
            values(&format!("{}d=1", "&".repeat(999))),
            Some(vec!["1".into()])
        );
        assert_eq!(values(&format!("{}d=1", "&".repeat(1000))), None);
    }

    #[test]
    fn a_callback_is_a_dotted_name() {
        assert_eq!(
            callback(Some("callback=x&c=a.b_c-1"), 32),
            Ok("a.b_c-1".into())
        );
        assert_eq!(callback(Some("callback=x"), usize::MAX), Ok("x".into()));
        assert_eq!(callback(Some("c="), 32), Ok(String::new()));
        assert_eq!(
            callback(Some("d=x"), usize::MAX),
            Err(Refusal::CallbackRequired)
        );
        assert_eq!(callback(None, usize::MAX), Err(Refusal::CallbackRequired));
        for query in ["c=a%3B", "c=a&c=b", "c=é"] {
            assert_eq!(
                callback(Some(query), usize::MAX),
                Err(Refusal::InvalidCallback),
                "{query}"
            );
        }
        let long = format!("c={}", "x".repeat(33));
        assert_eq!(callback(Some(&long), 32), Err(Refusal::InvalidCallback));
        assert!(callback(Some(&long), usize::MAX).is_ok());
    }
}
