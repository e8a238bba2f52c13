//! Parses request targets as Node's legacy `url.parse(target, true)` does.

use std::borrow::Cow;

/// The parts of a request target that the routes need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// Empty if `url.parse` finds no pathname, or throws.
    pub pathname: Cow<'a, str>,
    /// The text after the first `?`, still encoded.
    pub query: Option<Cow<'a, str>>,
}

/// Parses `target`. Backslashes before the query count as slashes. Copies nothing of a plain target.
pub fn parse_target(target: &str) -> Target<'_> {
    let path_end = target.find(['?', '#']).unwrap_or(target.len());
    let (path, rest) = target.split_at(path_end);
    let special = |c: char| is_space(c) || matches!(c, '\\' | '@' | '#');
    if path.starts_with('/')
        && !path[1..].starts_with("//")
        && !path.contains(special)
        && !rest.contains(|c| is_space(c) || c == '#')
    {
        return Target {
            pathname: path.into(),
            query: rest.strip_prefix('?').map(Cow::from),
        };
    }
    let target = target.replacen('\\', "/", path.matches('\\').count());
    // `url.parse` trims control characters, spaces, U+00A0 and U+FEFF.
    let trimmed = target.trim_matches(|c: char| c <= ' ' || matches!(c, '\u{a0}' | '\u{feff}'));
    parse_slowly(trimmed)
}

/// Whether JavaScript's `\s` matches `c`.
fn is_space(c: char) -> bool {
    // Most characters of a target are graphic ASCII: one comparison instead of a dozen.
    !c.is_ascii_graphic()
        && matches!(
            c,
            '\t'..='\r'
                | ' '
                | '\u{a0}'
                | '\u{1680}'
                | '\u{2000}'..='\u{200a}'
                | '\u{2028}'
                | '\u{2029}'
                | '\u{202f}'
                | '\u{205f}'
                | '\u{3000}'
                | '\u{feff}'
        )
}

fn parse_slowly(target: &str) -> Target<'static> {
    if is_simple_path(target) {
        return split(target, "");
    }
    let scheme = scheme_length(target);
    let (protocol, mut rest) = target.split_at(scheme);
    let protocol = protocol.to_ascii_lowercase();
    let hostless = matches!(protocol.as_str(), "javascript:");
    let needs_host = matches!(
        protocol.as_str(),
        "http:" | "https:" | "ftp:" | "gopher:" | "file:" | "ws:" | "wss:"
    );
    let mut slashes = false;
    if scheme > 0 || names_host(rest) {
        slashes = rest.starts_with("//");
        if slashes && !hostless {
            rest = &rest[2..];
        }
    }
    if hostless {
        return split(rest, "");
    }
    let mut default = "";
    let mut after_host = Cow::Borrowed(rest);
    if slashes || (scheme > 0 && !needs_host) {
        let Some((has_host, after)) = skip_host(rest) else {
            return Target {
                pathname: "".into(),
                query: None,
            };
        };
        after_host = after.into();
        if needs_host && has_host {
            default = "/";
        }
    }
    split(&escape(&after_host), default)
}

/// Whether the target matches `^(\/\/?(?!\/)[^?\s]*)(\?[^\s]*)?$`, has no `#`, and no `@` before the query.
fn is_simple_path(target: &str) -> bool {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    // The expression matches `/x` and `//x`, but not `///x`.
    path.starts_with('/')
        && !path.starts_with("///")
        && !target.contains(|c| is_space(c) || c == '#')
        && !path.contains('@')
}

/// The length of `^[a-z0-9.+-]+:` (in any case), or 0.
fn scheme_length(target: &str) -> usize {
    let name = target
        .bytes()
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'+' | b'-'))
        .count();
    if name > 0 && target.as_bytes().get(name) == Some(&b':') {
        name + 1
    } else {
        0
    }
}

/// Whether the target matches `^\/\/[^@/]+@[^@/]+`: without a scheme, `//` begins a host only if an `@` follows.
fn names_host(target: &str) -> bool {
    let Some((user, host)) = target
        .strip_prefix("//")
        .and_then(|rest| rest.split_once('@'))
    else {
        return false;
    };
    !user.is_empty() && !user.contains('/') && host.starts_with(|c| !matches!(c, '@' | '/'))
}

/// Skips `user@host:port`. Returns whether there is a host, and the text after it; `None` if `url.parse` throws.
fn skip_host(rest: &str) -> Option<(bool, String)> {
    let end = rest.find(['#', '/', '?']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    // `url.parse` removes these from the authority only.
    let authority: String = authority
        .chars()
        .filter(|c| !matches!(c, '\t' | '\n' | '\r'))
        .collect();
    let start = authority.rfind('@').map_or(0, |at| at + 1);
    if !decodes(&authority[..start.saturating_sub(1)]) {
        return None;
    }
    let not_host = |c: char| {
        matches!(
            c,
            ' ' | '"' | '%' | '\'' | ';' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}'
        )
    };
    let host_end = authority[start..]
        .find(not_host)
        .map_or(authority.len(), |at| start + at);
    let after = [&authority[host_end..], tail].concat();
    let host = &authority[start..host_end];
    let digits = host.len() - host.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let name = host[..host.len() - digits]
        .strip_suffix(':')
        .unwrap_or(host);
    if name.len() > 1 && name.starts_with('[') && name.ends_with(']') {
        let after = if after.starts_with('/') {
            after
        } else {
            format!("/{after}")
        };
        return (!name.contains(['\0', '%', '@'])).then_some((true, after));
    }
    // A colon that is not followed by a port ends the name; `url.parse` inserts a slash before it.
    let (name, after) = match name.find(':') {
        Some(colon) => (&name[..colon], format!("/{}{after}", &name[colon..])),
        None => (name, after),
    };
    let forbidden = ['\0', '\u{a0}', '[', ']', '@'];
    (!name.contains(forbidden)).then_some((!name.is_empty() && name.len() <= 255, after))
}

/// Whether `decodeURIComponent` accepts `text`.
fn decodes(text: &str) -> bool {
    let bytes = text.as_bytes();
    let whole = bytes
        .iter()
        .enumerate()
        .filter(|&(_, &byte)| byte == b'%')
        .all(|(at, _)| {
            bytes
                .get(at + 1..at + 3)
                .is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
        });
    whole
        && percent_encoding::percent_decode_str(text)
            .decode_utf8()
            .is_ok()
}

/// Percent-encodes the characters that `url.parse` encodes.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push_str("%09"),
            '\n' => out.push_str("%0A"),
            '\r' => out.push_str("%0D"),
            ' ' => out.push_str("%20"),
            '"' => out.push_str("%22"),
            '\'' => out.push_str("%27"),
            '<' => out.push_str("%3C"),
            '>' => out.push_str("%3E"),
            '\\' => out.push_str("%5C"),
            '^' => out.push_str("%5E"),
            '`' => out.push_str("%60"),
            '{' => out.push_str("%7B"),
            '|' => out.push_str("%7C"),
            '}' => out.push_str("%7D"),
            c => out.push(c),
        }
    }
    out
}

/// Removes the fragment and separates the query; `default` replaces an empty pathname.
fn split(text: &str, default: &'static str) -> Target<'static> {
    let text = text.split('#').next().unwrap_or_default();
    let (pathname, query) = text
        .split_once('?')
        .map_or((text, None), |(path, query)| (path, Some(query)));
    let pathname = if pathname.is_empty() {
        default
    } else {
        pathname
    };
    Target {
        pathname: pathname.to_owned().into(),
        query: query.map(|query| query.to_owned().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_parsed_as_by_url_parse() {
        // The results of Node 20; the pathname is empty where it is null there, or `url.parse` throws.
        for (target, pathname, query) in [
            ("/echo/a/b/xhr", "/echo/a/b/xhr", None),
            ("/echo/?", "/echo/", Some("")),
            ("/echo?a=%20+&b='?", "/echo", Some("a=%20+&b='?")),
            ("/a\\b?c\\d", "/a/b", Some("c\\d")),
            ("/a#b?c", "/a", None),
            ("/a?b#c", "/a", Some("b")),
            ("/a?b'#c", "/a", Some("b%27")),
            ("/a b\"<{|^`'", "/a%20b%22%3C%7B%7C%5E%60%27", None),
            ("/a{b'", "/a{b'", None),
            ("/a@b{", "/a@b%7B", None),
            ("//x/y", "//x/y", None),
            ("///x", "///x", None),
            ("//u@h/y", "/y", None),
            ("http://h", "/", None),
            ("http://h:80/a?b", "/a", Some("b")),
            ("HTTP://u:p@[::1]:80", "/", None),
            ("http://a:b/c", "/:b/c", None),
            ("foo:bar", "", None),
            ("javascript:a'", "a'", None),
            ("http://%zz@h/a", "", None),
            ("http://a[/b", "", None),
            ("*", "*", None),
            ("", "", None),
            ("  /a\u{a0}", "/a", None),
            ("/\u{e9}", "/\u{e9}", None),
        ] {
            let parsed = parse_target(target);
            assert_eq!(
                (&*parsed.pathname, parsed.query.as_deref()),
                (pathname, query),
                "{target:?}"
            );
        }
    }

    #[test]
    fn plain_targets_are_borrowed() {
        let target = parse_target("/echo/000/abc/jsonp?c=_jp.a");
        assert!(matches!(
            target,
            Target {
                pathname: Cow::Borrowed(_),
                query: Some(Cow::Borrowed(_))
            }
        ));
    }
}
