//! Header names as they are written. [`http::HeaderName`] knows them in lower case only.

use http::HeaderName;

/// Names that are not in the usual case.
const UNUSUAL: [(&str, &str); 1] = [("etag", "ETag")];

/// The bytes of a name as 0.3.24 and Node write it: each word begins with a capital. hyper writes those of
/// taken connections so, too, but for the unusual ones.
pub fn written(name: &HeaderName) -> impl Iterator<Item = u8> {
    let name = name.as_str();
    let unusual = UNUSUAL.iter().find(|(lower, _)| *lower == name);
    let mut begins = true;
    unusual
        .map_or(name, |(_, name)| name)
        .bytes()
        .map(move |byte| {
            let first = std::mem::replace(&mut begins, byte == b'-');
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
    fn names_are_written_as_in_0_3_24() {
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
