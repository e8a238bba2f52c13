//! The expected results are those of sockjs 0.3.24 on Node 20.

use super::*;

fn router(prefix: &str) -> Router {
    Router::new(prefix, true).expect("a prefix that can be translated")
}

/// The result as text: the route, the endpoint and session, `405` with `Allow`, or `404`.
fn resolve(prefix: &str, method: &str, pathname: &str) -> String {
    match router(prefix).resolve(method, pathname) {
        Resolved::Found(Route::Session { session, endpoint }) => format!("{endpoint:?} {session}"),
        Resolved::Found(route) => format!("{route:?}"),
        Resolved::MethodNotAllowed(allow) => format!("405 {allow}"),
        Resolved::NotFound => "404".into(),
    }
}

#[test]
fn every_route_is_found_by_text_and_by_expression() {
    // The second prefix matches the same texts, but as an expression.
    for prefix in ["/echo", "/ech[o]"] {
        for (method, rest, expected) in [
            ("GET", "", "Welcome"),
            ("GET", "/", "Welcome"),
            ("HEAD", "/", "405 GET"),
            ("GET", "/iframe.html", "Iframe"),
            ("GET", "/iframe-0.1_a..html/", "Iframe"),
            ("GET", "/iframe1xhtml", "Iframe"),
            ("GET", "/iframeA.html", "404"),
            ("GET", "/iframehtml", "404"),
            ("GET", "/iframe\nhtml", "404"),
            ("GET", "/info", "Info"),
            ("OPTIONS", "/info/", "InfoOptions"),
            ("POST", "/info", "405 OPTIONS, GET"),
            ("GET", "/info//", "404"),
            ("POST", "/chunking_test", "ChunkingTest"),
            ("OPTIONS", "/chunking_test", "PostOptions"),
            ("GET", "/websocket", "RawWebsocket"),
            ("GET", "/a/b/websocket", "Receive(Websocket) b"),
            ("POST", "/a/b/xhr/", "Receive(XhrPolling) b"),
            ("OPTIONS", "/a/b/xhr", "PostOptions"),
            ("GET", "/a/b/xhr", "405 POST, OPTIONS"),
            ("POST", "/a/b/xhr_send", "Send(Xhr) b"),
            ("OPTIONS", "/a/b/xhr_send", "PostOptions"),
            ("POST", "/a/b/xhr_streaming", "Receive(XhrStreaming) b"),
            ("OPTIONS", "/a/b/xhr_streaming", "PostOptions"),
            ("GET", "/a/b/eventsource", "Receive(Eventsource) b"),
            ("GET", "/a/b/htmlfile", "Receive(Htmlfile) b"),
            ("GET", "/a/b/jsonp", "Receive(JsonpPolling) b"),
            ("POST", "/a/b/jsonp_send", "Send(Jsonp) b"),
            ("POST", "/a.b/b/xhr", "404"),
            ("POST", "/a/b.c/xhr", "404"),
            ("POST", "/a//xhr", "404"),
            ("POST", "//b/xhr", "404"),
            ("POST", "/a/b/xhrx", "404"),
            ("POST", "/x/a/b/xhr", "404"),
            ("GET", "x", "404"),
        ] {
            assert_eq!(
                resolve(prefix, method, &format!("/echo{rest}")),
                expected,
                "{method} {prefix}{rest}"
            );
        }
    }
}

#[test]
fn a_disabled_websocket_is_a_route_of_its_own() {
    let router = Router::new("", false).expect("a literal");
    assert_eq!(
        router.resolve("GET", "/websocket"),
        Resolved::Found(Route::WebsocketDisabled)
    );
    assert_eq!(
        router.resolve("GET", "/a/b/websocket"),
        Resolved::Found(Route::WebsocketDisabled)
    );
}

#[test]
fn the_raw_target_decides_whether_a_request_is_claimed() {
    for (prefix, target, expected) in [
        ("/echo", "/echo", true),
        ("/echo", "/echo/?x", true),
        ("/echo", "/echo?x", false),
        ("/echo", "/echo\\info", false),
        ("/echo", "/echoes/info", false),
        ("/echo", "http://h/echo/info", false),
        ("/echo", "/echo/\u{2028}", false),
        ("", "//x/info", true),
        ("", "x", false),
        ("", "", true),
        (
            r".*/__sockjs__(/[no]=\w+)?",
            "/pre/fix/__sockjs__/n=ab_1/info",
            true,
        ),
        (r".*/__sockjs__(/[no]=\w+)?", "/__sockjs__x", false),
        ("(?:[^/]+)?", "http://h/echo", true),
        ("(?:[^/]+)?", "foo/info", true),
        ("/a|/b", "/aXYZ", true),
        ("/a|/b", "/x/b/info", true),
        ("/e.o", "/e\no/info", false),
        ("/[]x", "/x", false),
        ("/[^]", "/\n/info", true),
        (r"/s\Sx", "/s\u{a0}x", false),
        (r"/[\s\d]a", "/\u{feff}a", true),
        (r"/(?=a)[a-z]+", "/bcd", false),
        (r"/(?!a)[a-z]+", "/bcd/", true),
        (r"/x\b", "/x/", true),
        (r"/(a)\1?", "/aa", true),
        (r"/(a)?b\1", "/b", true),
        (r"/(?<n>a|b)\k<n>", "/ab", false),
        (r"/(?<n>a|b)\k<n>", "/bb", true),
        ("/a{2}", "/aa", true),
        ("/a{,2}", "/a{,2}", true),
        (r"/[\w-.]+", "/w-.", true),
        (r"/[a-\d]", "/-", true),
        (r"/\x61\u0062\cA?", "/ab\u{1}", true),
        (r"/\101", "/A", true),
        (r"\/echo", "/echo", true),
        ("[[]?/a", "[/a", true),
        ("/[&&a~~]", "/&", true),
    ] {
        assert_eq!(
            router(prefix).claims(target),
            expected,
            "{prefix} {target:?}"
        );
    }
}

#[test]
fn groups_of_the_prefix_do_not_shift_the_session() {
    assert_eq!(
        resolve("(/[^/]+)?/x", "POST", "/foo/x/server/session/xhr"),
        "Receive(XhrPolling) session"
    );
    assert_eq!(
        resolve(
            r".*/__sockjs__(/[no]=\w+)?",
            "POST",
            "/__sockjs__/n=1/a/b/xhr"
        ),
        "Receive(XhrPolling) b"
    );
    assert_eq!(
        resolve(r"/(?<n>a)\k<n>", "POST", "/aa/a/b/xhr"),
        "Receive(XhrPolling) b"
    );
}

#[test]
fn alternatives_split_the_whole_expression() {
    assert_eq!(resolve("/a|/b", "GET", "/a/what/ever"), "Welcome");
    assert_eq!(
        resolve("/a|/b", "POST", "/x/b/s1/s2/xhr"),
        "Receive(XhrPolling) s2"
    );
    assert_eq!(
        resolve("/a|/b", "HEAD", "/a"),
        "405 GET, GET, OPTIONS, GET, OPTIONS, POST, GET, GET, POST, POST, OPTIONS, POST, OPTIONS, POST, OPTIONS, GET, GET, GET"
    );
}

#[test]
fn escaped_literals_are_compared_as_text() {
    for prefix in [r"\/so\.ck\x6as", "/a]", "/a}b{", "/a-b"] {
        assert!(
            matches!(router(prefix).prefix, Prefix::Literal(_)),
            "{prefix}"
        );
    }
}

#[test]
fn excessive_backtracking_is_no_match() {
    let router = router(r"/(a+)+\1b");
    assert!(!router.claims(&format!("/{}", "a".repeat(200))));
    assert!(router.claims("/aab/info"));
}

#[test]
fn a_prefix_that_cannot_be_translated_is_an_error() {
    for prefix in [r"/\ud800", "(?i:/a)"] {
        assert!(Router::new(prefix, true).is_err(), "{prefix}");
    }
}
