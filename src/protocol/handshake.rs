//! The opening handshake of a websocket (RFC 6455, section 4.2), with the decisions of faye-websocket.

use tungstenite::handshake::derive_accept_key;

/// Why a websocket handshake gets a 400.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandshakeError {
    /// Not `GET` with `Connection: Upgrade` and `Upgrade: websocket`.
    NotWebsocket,
    /// A raw websocket whose version is neither 8 nor 13.
    RawVersion,
    /// Contains the client's version, which is not 13.
    Version(String),
    MissingKey,
    /// Contains the value of `Sec-WebSocket-Extensions`, which is not a list of extensions.
    Extensions(String),
    /// A Hixie-76 handshake with one key; contains the name of the missing header.
    MissingHixieKey(&'static str),
    /// A key of Hixie-76 that does not encode a number.
    HixieKeys,
}

/// The headers on which a handshake depends, as Node reads them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Handshake<'a> {
    /// `Connection`
    pub connection: Option<&'a str>,
    /// `Upgrade`
    pub upgrade: Option<&'a str>,
    /// `Sec-WebSocket-Version`
    pub version: Option<&'a str>,
    /// `Sec-WebSocket-Key`
    pub key: Option<&'a str>,
    /// `Sec-WebSocket-Extensions`
    pub extensions: Option<&'a str>,
}

impl Handshake<'_> {
    /// Whether the headers ask for an upgrade to a websocket.
    pub fn is_websocket(&self) -> bool {
        let lists_upgrade = self.connection.is_some_and(|list| {
            list.split(',')
                .any(|option| option.trim_matches(' ').eq_ignore_ascii_case("upgrade"))
        });
        lists_upgrade
            && self
                .upgrade
                .is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket"))
    }

    /// The `101` response, which begins with the `extra` headers (`faye_server_options.headers`), or the reason to
    /// refuse. As in 0.3.24, a key of any length is accepted.
    pub fn answer(&self, extra: &[(String, String)]) -> Result<Vec<u8>, HandshakeError> {
        if self.version != Some("13") {
            let version = self.version.unwrap_or("undefined");
            return Err(HandshakeError::Version(version.into()));
        }
        let Some(key) = self.key else {
            return Err(HandshakeError::MissingKey);
        };
        // No extension is used, but 0.3.24 refuses a value that is not a list of extensions.
        if let Some(list) = self.extensions
            && !list.is_empty()
            && !is_extension_list(list)
        {
            return Err(HandshakeError::Extensions(list.into()));
        }
        let accept = derive_accept_key(key.as_bytes());
        let own = [
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Accept", accept.as_str()),
        ];
        let extra = extra
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        Ok(head("101 Switching Protocols", extra.chain(own)).into_bytes())
    }
}

/// The head of a response. As in faye-websocket, the first of several headers with the same name is sent.
pub(super) fn head<'a>(status: &str, headers: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut sent: Vec<&str> = Vec::new();
    let mut head = format!("HTTP/1.1 {status}\r\n");
    for (name, value) in headers {
        if !sent.iter().any(|other| other.eq_ignore_ascii_case(name)) {
            sent.push(name);
            for part in [name, ": ", value, "\r\n"] {
                head.push_str(part);
            }
        }
    }
    head.push_str("\r\n");
    head
}

/// Whether this is an `extension-list` (RFC 6455, section 9.1).
fn is_extension_list(list: &str) -> bool {
    let mut rest = list;
    loop {
        rest = match extension(rest) {
            None => return false,
            Some("") => return true,
            Some(rest) => rest,
        };
        let Some(next) = separator(rest, ',') else {
            return false;
        };
        rest = next;
    }
}

/// The text after one extension with its parameters; `None` if there is none.
fn extension(text: &str) -> Option<&str> {
    let mut rest = token(text)?;
    while let Some(parameter) = separator(rest, ';') {
        rest = token(parameter)?;
        if let Some(value) = separator(rest, '=') {
            rest = token(value).or_else(|| quoted(value))?;
        }
    }
    Some(rest)
}

/// The text after a separator and the white space around it; `None` if there is none.
fn separator(text: &str, separator: char) -> Option<&str> {
    let space = [' ', '\t'];
    let rest = text.trim_start_matches(space).strip_prefix(separator)?;
    Some(rest.trim_start_matches(space))
}

/// The text after a token (RFC 9110, section 5.6.2); `None` if there is none.
fn token(text: &str) -> Option<&str> {
    let rest = text
        .trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c));
    (rest.len() < text.len()).then_some(rest)
}

/// The text after a quoted string, as faye-websocket's parser reads it; `None` if there is none.
fn quoted(text: &str) -> Option<&str> {
    let mut chars = text.strip_prefix('"')?.chars();
    loop {
        match chars.next()? {
            '"' => return Some(chars.as_str()),
            '\\' => {
                chars.next().filter(char::is_ascii)?;
            }
            '\t' | ' '..='\u{7e}' | '\u{80}'.. => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handshake_needs_a_version_and_a_key() {
        let good = Handshake {
            connection: Some("keep-alive, Upgrade"),
            upgrade: Some("WebSocket"),
            version: Some("13"),
            key: Some("dGhlIHNhbXBsZSBub25jZQ=="),
            extensions: Some("permessage-deflate; client_max_window_bits, x; a=\"1\\\"\""),
        };
        assert!(good.is_websocket());
        let response = String::from_utf8(good.answer(&[]).unwrap()).unwrap();
        // The example of RFC 6455, section 1.3.
        assert!(response.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
        let version = Handshake {
            version: Some("8"),
            ..good
        }
        .answer(&[]);
        assert_eq!(version, Err(HandshakeError::Version("8".into())));
        let key = Handshake { key: None, ..good }.answer(&[]);
        assert_eq!(key, Err(HandshakeError::MissingKey));
        for list in [",", "a b", "a;", "a; b=", "a; b=\"", "a, ", "=", "é"] {
            let extensions = Some(list);
            let answer = Handshake { extensions, ..good }.answer(&[]);
            assert_eq!(answer, Err(HandshakeError::Extensions(list.into())));
        }
        assert!(
            !Handshake {
                upgrade: None,
                ..good
            }
            .is_websocket()
        );
    }

    #[test]
    fn the_first_of_several_headers_with_the_same_name_is_sent() {
        let good = Handshake {
            version: Some("13"),
            key: Some("k"),
            ..Handshake::default()
        };
        let extra = [("X-A".into(), "1".into()), ("x-a".into(), "2".into())];
        let response = String::from_utf8(good.answer(&extra).unwrap()).unwrap();
        assert!(response.contains("X-A: 1\r\n") && !response.contains("x-a: 2"));
    }
}
