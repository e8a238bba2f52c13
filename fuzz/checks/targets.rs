//! Request targets and routes. Every target gets an answer, a prefix means the same as plain text and as a pattern,
//! and the names in a route are those in the path.

use std::sync::OnceLock;

use sockjs_rs::http::query::callback;
use sockjs_rs::http::route::{Resolved, Route, Router};
use sockjs_rs::http::target::parse_target;

use super::input::Input;

/// Prefixes that applications use, each with another prefix of the same meaning if there is one.
const PREFIXES: [(&str, Option<&str>); 6] = [
    ("/echo", Some("(?:/echo)")),
    ("", Some("(?:)")),
    ("/a.b", Some("(?:/a.b)")),
    (r".*/__sockjs__(/[no]=\w+)?", None),
    ("(?:[^/]+)?", None),
    ("/(echo|chat)[0-9]*", Some("/(?:echo|chat)[0-9]{0,}")),
];
const METHODS: [&str; 6] = ["GET", "POST", "OPTIONS", "HEAD", "PUT", "XGETX"];
/// The parts of targets that are not random bytes.
const PARTS: [&str; 24] = [
    "/",
    "/echo",
    "/chat7",
    "/a.b",
    "/axb",
    "/__sockjs__",
    "/n=1",
    "/info",
    "/iframe",
    ".html",
    "-0.1",
    "/websocket",
    "/xhr",
    "/xhr_send",
    "/xhr_streaming",
    "/eventsource",
    "/htmlfile",
    "/jsonp",
    "/jsonp_send",
    "/chunking_test",
    "?c=callback",
    "http://host",
    "\\",
    "/000/abc",
];

struct Routers {
    first: Router,
    same: Option<Router>,
}

fn routers(index: usize) -> &'static Routers {
    static ROUTERS: OnceLock<Vec<Routers>> = OnceLock::new();
    let router = |prefix: &str| Router::new(prefix, true).expect("it is a prefix");
    &ROUTERS.get_or_init(|| {
        PREFIXES
            .iter()
            .map(|(first, same)| Routers {
                first: router(first),
                same: same.map(router),
            })
            .collect()
    })[index]
}

/// A target as Node shows it: a string in which each character is a byte.
fn target(input: &mut Input<'_>) -> String {
    if input.below(2) == 0 {
        return input.rest().iter().copied().map(char::from).collect();
    }
    let mut target = String::new();
    while !input.is_empty() {
        if input.below(8) == 0 {
            target.push(char::from(input.byte()));
        } else {
            target.push_str(input.pick(&PARTS));
        }
    }
    target
}

/// See the module.
pub fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let index = input.below(PREFIXES.len());
    let method = input.pick(&METHODS);
    let target = &*target(&mut input);
    let Routers { first, same } = routers(index);
    let parsed = parse_target(target);
    if let Some(query) = &parsed.query {
        assert!(target.contains('?'));
        for limit in [usize::MAX, 4] {
            if let Ok(name) = callback(Some(query), limit) {
                let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
                assert!(name.chars().all(safe), "{name:?}");
            }
        }
    }
    let claimed = first.claims(target);
    if let Some(same) = same {
        assert_eq!(claimed, same.claims(target), "{target:?}");
    }
    if !claimed {
        return;
    }
    let resolved = first.resolve(method, &parsed.pathname);
    if let Some(same) = same {
        assert_eq!(
            resolved,
            same.resolve(method, &parsed.pathname),
            "{target:?}"
        );
    }
    if let Resolved::Found(Route::Session { session, .. }) = resolved {
        assert!(!session.is_empty() && !session.contains(['/', '.']));
        assert!(parsed.pathname.contains(&format!("/{session}/")));
    }
    if let Resolved::MethodNotAllowed(allow) = &resolved {
        assert!(!allow.split(", ").any(|allowed| method.contains(allowed)));
    }
}
