//! The gate. It lets bytes through if they begin with exactly one plain request for a service, no matter how many
//! bytes after its head have arrived. Everything else stays with Node.

use std::sync::OnceLock;

use sockjs_rs::ingress::gate::{Verdict, judge};
use sockjs_rs::ingress::installation::Installation;
use sockjs_rs::server::Runtime;
use sockjs_rs::server::testing::{NoWaker, service};

use super::input::Input;

/// The parts of requests that are not random bytes.
const PARTS: [&str; 48] = [
    "GET ",
    "POST ",
    "OPTIONS ",
    "HEAD ",
    "PUT ",
    "get ",
    "/s/1/a/xhr",
    "/s/1/a/xhr_send",
    "/s/info",
    "/s",
    "/s/",
    "/t",
    "//s/info",
    "http://h/s/info",
    "/s/info?a=b",
    "/s/%2e%2e/info",
    "/s/in\tfo",
    "/s/1/a/jsonp_send",
    " HTTP/1.1\r\n",
    " HTTP/1.0\r\n",
    " HTTP/1.1\n",
    "Host: h\r\n",
    "host:h\r\n",
    "Host: h\n",
    "Content-Length: 3\r\n",
    "Content-Length: 0\r\n",
    "Content-Length: +3\r\n",
    "content-length:3\r\n",
    "Content-Length: 3, 3\r\n",
    "Content-Length: 99999999999999\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding:\r\n chunked\r\n",
    "TE: trailers\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive\r\n",
    "Connection: upgrade\r\n",
    "Upgrade: websocket\r\n",
    "Expect: 100-continue\r\n",
    "X: y\r\n",
    "X : y\r\n",
    "X: a\r\n b\r\n",
    "Cookie: a=b\r\n",
    "X: \u{e4}\r\n",
    "\r\n",
    "\n",
    "abc",
    "[\"a\"]",
    "0\r\n\r\n",
];

/// An http server with a service under `/s`.
pub fn installation() -> &'static Installation {
    static INSTALLATION: OnceLock<Installation> = OnceLock::new();
    INSTALLATION.get_or_init(|| {
        let runtime = Runtime::start(1, 1, Box::new(NoWaker)).expect("threads can be started");
        let installation = Installation::new(0);
        installation.install(service(&runtime));
        installation
    })
}

/// Random bytes, or parts of requests in any order.
pub fn request(data: &[u8]) -> Vec<u8> {
    let mut input = Input::new(data);
    if input.below(2) == 0 {
        return input.rest().to_vec();
    }
    let mut bytes = Vec::new();
    while !input.is_empty() {
        if input.below(32) == 0 {
            bytes.push(input.byte());
        } else {
            bytes.extend_from_slice(input.pick(&PARTS).as_bytes());
        }
    }
    bytes
}

/// See the module.
pub fn check(data: &[u8]) {
    let bytes = request(data);
    let found = len_of_ours(&bytes);
    let Some(len) = found else {
        return;
    };
    let plain = plain_request(&bytes).expect("a request that is let through is plain");
    assert_eq!(plain.head + plain.body, len);
    // The result is the same with fewer and with more bytes after the head.
    assert_eq!(len_of_ours(&bytes[..plain.head]), found);
    let mut more = bytes[..len.min(bytes.len())].to_vec();
    more.extend_from_slice(b"GET / HTTP/1.1\r\n\r\n");
    assert_eq!(len_of_ours(&more), found);
    for cut in 0..plain.head {
        assert!(
            matches!(judge(&bytes[..cut], installation()), Verdict::Unknown),
            "an incomplete head is not refused"
        );
    }
}

fn len_of_ours(bytes: &[u8]) -> Option<usize> {
    match judge(bytes, installation()) {
        Verdict::Ours(_, len) => Some(len),
        Verdict::Unknown | Verdict::Foreign => None,
    }
}

/// The lengths of head and body, in bytes.
#[derive(Debug)]
struct Plain {
    head: usize,
    body: usize,
}

/// The request at the beginning of the bytes, if RFC 9112 leaves no doubt about it.
fn plain_request(bytes: &[u8]) -> Option<Plain> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).unwrap_or_default();
    let text: String = bytes[..end].iter().copied().map(char::from).collect();
    let mut lines = text.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?, first.next()?);
    if first.next()? != "HTTP/1.1" || first.next().is_some() || text.contains('\0') {
        return None;
    }
    let unusual = |byte: u8| !byte.is_ascii_graphic() || b"\"#'<>[\\]^`{|}".contains(&byte);
    if !target.starts_with("/s") || target.bytes().any(unusual) || head.contains("\n\n") {
        return None;
    }
    let mut names = Vec::new();
    let mut body = 0;
    let mut hosts = 0;
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let name = name.to_ascii_lowercase();
        let is_token = !name.is_empty() && name.chars().all(token);
        if !is_token || names.contains(&name) || value.contains(['\r', '\n']) {
            return None;
        }
        let value = value.trim_matches([' ', '\t']);
        match &*name {
            "host" => hosts += 1,
            "content-length" if value.bytes().all(|byte| byte.is_ascii_digit()) => {
                body = value.parse().ok()?;
            }
            "connection" if !matches!(&*value.to_ascii_lowercase(), "close" | "keep-alive") => {
                return None;
            }
            "content-length" | "transfer-encoding" | "upgrade" | "expect" | "te" | "trailer" => {
                return None;
            }
            _ => {}
        }
        names.push(name);
    }
    let has_body = method == "POST";
    let is_known = has_body || matches!(method, "GET" | "OPTIONS");
    let fits = has_body || body == 0;
    (hosts == 1 && is_known && fits).then_some(Plain {
        head: end + 4,
        body,
    })
}
