//! Header names in the case in which they are sent. [`http::HeaderName`] has them in lower case only.

use http::HeaderName;

/// Names with capitals inside of a word: in lower case, and as they are sent.
const UNUSUAL: [(&str, &str); 1] = [("etag", "ETag")];

/// The bytes of a name as 0.3.24 and Node send it: each word begins with a capital. On taken connections hyper does the
/// same (`title_case_headers`), except for the names in [`UNUSUAL`].
pub fn written(name: &HeaderName) -> impl Iterator<Item = u8> {
    let name = name.as_str();
    let unusual = UNUSUAL.iter().find(|(lower, _)| *lower == name);
    let mut word_begins = true;
    unusual
        .map_or(name, |(_, name)| name)
        .bytes()
        .map(move |byte| {
            let first = std::mem::replace(&mut word_begins, byte == b'-');
            if first {
                byte.to_ascii_uppercase()
            } else {
                byte
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_case_of_0_3_24() {
        for name in [
            "Access-Control-Allow-Origin",
            "Allow",
            "Content-Type",
            "ETag",
            "Set-Cookie",
            "X-Content-Type-Options",
        ] {
            let known: HeaderName = name.parse().expect("a name");
            assert!(written(&known).eq(name.bytes()), "{known}");
        }
    }
}
