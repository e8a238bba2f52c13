//! The session cookie. Load balancers use it to send all requests of a client to the same server.

/// The value for `Set-Cookie` when the option `jsessionid` is true: the client's own JSESSIONID, or `dummy`.
/// `cookie_header` is the client's `Cookie` header; it may contain latin1 bytes.
///
/// As in 0.3.24, the value ends at the second `=` of the cookie, white space around it is removed, and the last of
/// several cookies with this name counts.
pub fn jsessionid(cookie_header: Option<&[u8]>) -> Vec<u8> {
    let mut id: &[u8] = b"";
    for cookie in cookie_header
        .unwrap_or_default()
        .split(|&byte| byte == b';')
    {
        let mut parts = cookie.split(|&byte| byte == b'=');
        if trim(parts.next().unwrap_or_default()) == b"JSESSIONID" {
            id = trim(parts.next().unwrap_or_default());
        }
    }
    if id.is_empty() {
        id = b"dummy";
    }
    [b"JSESSIONID=", id, b"; path=/"].concat()
}

/// Like JavaScript's `trim`, for latin1 text.
fn trim(text: &[u8]) -> &[u8] {
    let kept = |byte: &u8| !matches!(byte, b'\t'..=b'\r' | b' ' | 0xa0);
    let start = text.iter().position(kept).unwrap_or(text.len());
    let end = text.iter().rposition(kept).map_or(start, |last| last + 1);
    &text[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_read_as_in_0_3_24() {
        for (header, id) in [
            ("JSESSIONID=abc", "abc"),
            ("a=b; JSESSIONID = x y ;c", "x y"),
            ("JSESSIONID=ab=c", "ab"),
            ("JSESSIONID=a; JSESSIONID=b", "b"),
            ("JSESSIONID=a; JSESSIONID=", "dummy"),
            ("JSESSIONID", "dummy"),
            ("jsessionid=a", "dummy"),
            ("", "dummy"),
        ] {
            assert_eq!(
                jsessionid(Some(header.as_bytes())),
                format!("JSESSIONID={id}; path=/").into_bytes(),
                "{header}"
            );
        }
        assert_eq!(jsessionid(None), b"JSESSIONID=dummy; path=/");
        assert_eq!(
            jsessionid(Some(b"JSESSIONID=\xe9\xa0")),
            b"JSESSIONID=\xe9; path=/"
        );
    }
}
