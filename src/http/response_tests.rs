//! The expected headers are those that sockjs 0.3.24 sent on Node 20, without those that Node adds to every response.

use std::time::{Duration, SystemTime};

use http::HeaderName;

use super::super::response_policy::{Options, ResponsePolicy};
use super::super::route::Route;
use super::*;
use crate::protocol::transport::{Endpoint, Transport};

const NO_CACHE: &str =
    "cache-control: no-store, no-cache, no-transform, must-revalidate, max-age=0";
const CACHE: &str = "cache-control: public, max-age=31536000";
const EXPIRES: &str = "expires: Mon, 06 Nov 1995 08:49:37 GMT";
const COOKIE: &str = "set-cookie: JSESSIONID=ab; path=/";
const CORS: [&str; 4] = [
    "access-control-allow-credentials: true",
    "access-control-allow-origin: http://o",
    "vary: Origin",
    "access-control-allow-headers: a, b",
];

fn policy() -> ResponsePolicy {
    ResponsePolicy::new(Options {
        jsessionid: true,
        cookie_needed: true,
        websocket: Some("true".into()),
        sockjs_url: "https://cdn.jsdelivr.net/npm/sockjs-client@1/dist/sockjs.min.js".into(),
        ..Options::default()
    })
}

fn request(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    lines
        .iter()
        .map(|&(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        })
        .collect()
}

fn browser() -> HeaderMap {
    request(&[
        ("origin", "http://o"),
        ("access-control-request-headers", "a, b"),
        ("cookie", "JSESSIONID=ab=c"),
    ])
}

fn base_headers(route: &Route<'_>) -> HeaderMap {
    policy().base_headers(route, &browser(), || {
        SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777)
    })
}

fn session(endpoint: Endpoint) -> HeaderMap {
    base_headers(&Route::Session {
        session: "s",
        endpoint,
    })
}

fn eventsource() -> &'static HttpTransport {
    Transport::Eventsource.http().unwrap()
}

#[track_caller]
fn assert_headers<B>(response: &Response<B>, status: u16, groups: &[&[&str]]) {
    let mut expected: Vec<String> = groups.concat().into_iter().map(String::from).collect();
    let line = |(name, value): (&HeaderName, &HeaderValue)| {
        format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))
    };
    let mut headers: Vec<String> = response.headers().iter().map(line).collect();
    expected.sort();
    headers.sort();
    assert_eq!(headers, expected);
    assert_eq!(response.status(), status);
}

#[test]
fn errors_keep_the_base_headers() {
    let refused = Refusal::PayloadExpected.response(session(Endpoint::Send(Sender::Xhr)));
    assert_headers(&refused, 500, &[&[COOKIE, NO_CACHE], &CORS]);
    assert_eq!(refused.body(), "Payload expected.");
    let missing = not_found(session(Endpoint::Send(Sender::Xhr)));
    assert_headers(
        &missing,
        404,
        &[
            &[COOKIE, NO_CACHE, "content-type: text/plain; charset=UTF-8"],
            &CORS,
        ],
    );
    assert_headers(
        &Refusal::BrokenJson.response(session(Endpoint::Send(Sender::Jsonp))),
        500,
        &[&[COOKIE, NO_CACHE]],
    );
    assert_headers(
        &Refusal::CallbackRequired.response(session(Endpoint::Receive(Transport::Htmlfile))),
        500,
        &[&[COOKIE, NO_CACHE]],
    );
    let disabled = not_found(base_headers(&Route::WebsocketDisabled));
    assert_headers(
        &disabled,
        404,
        &[&[CACHE, EXPIRES, "content-type: text/plain; charset=UTF-8"]],
    );
}

#[test]
fn each_receiving_transport_has_the_headers_of_0_3_24() {
    let head = |transport: Transport| {
        let headers = session(Endpoint::Receive(transport));
        receiver_head(transport.http().unwrap(), headers, &browser())
    };
    let script = "content-type: application/javascript; charset=UTF-8";
    for transport in [Transport::XhrPolling, Transport::XhrStreaming] {
        assert_headers(&head(transport), 200, &[&[COOKIE, NO_CACHE, script], &CORS]);
    }
    let eventsource = head(Transport::Eventsource);
    assert_headers(
        &eventsource,
        200,
        &[
            &[COOKIE, NO_CACHE, "content-type: text/event-stream"],
            &CORS,
        ],
    );
    let htmlfile = head(Transport::Htmlfile);
    assert_headers(
        &htmlfile,
        200,
        &[&[COOKIE, NO_CACHE, "content-type: text/html; charset=UTF-8"]],
    );
    let jsonp = head(Transport::JsonpPolling);
    assert_headers(
        &jsonp,
        200,
        &[&[COOKIE, NO_CACHE, script, "x-content-type-options: nosniff"]],
    );
}

#[test]
fn only_eventsource_treats_a_null_origin_as_absent() {
    let null = request(&[("origin", "null")]);
    let origin = |headers: &HeaderMap| headers[header::ACCESS_CONTROL_ALLOW_ORIGIN].clone();
    let eventsource = receiver_head(eventsource(), HeaderMap::new(), &null);
    assert_eq!(origin(eventsource.headers()), "*");
    assert!(
        !eventsource
            .headers()
            .contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS)
    );
    let info = policy().base_headers(&Route::Info, &null, || SystemTime::UNIX_EPOCH);
    assert_eq!(origin(&info), "null");
    assert!(info.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS));
}

#[test]
fn disable_cors_does_not_change_eventsource() {
    let policy = ResponsePolicy::new(Options {
        disable_cors: true,
        ..Options::default()
    });
    assert_eq!(
        policy.base_headers(&Route::ChunkingTest, &browser(), || SystemTime::UNIX_EPOCH),
        HeaderMap::new()
    );
    let eventsource = receiver_head(eventsource(), HeaderMap::new(), &browser());
    assert_headers(
        &eventsource,
        200,
        &[&["content-type: text/event-stream"], &CORS],
    );
}

#[test]
fn sends_get_a_204_or_an_ok() {
    let xhr = sent(Sender::Xhr, session(Endpoint::Send(Sender::Xhr)));
    assert_headers(
        &xhr,
        204,
        &[
            &[COOKIE, NO_CACHE, "content-type: text/plain; charset=UTF-8"],
            &CORS,
        ],
    );
    let jsonp = sent(Sender::Jsonp, session(Endpoint::Send(Sender::Jsonp)));
    let text = [
        "content-length: 2",
        "content-type: text/plain; charset=UTF-8",
    ];
    assert_headers(&jsonp, 200, &[&[COOKIE, NO_CACHE], &text]);
    assert_eq!(jsonp.body(), "ok");
}

#[test]
fn answers_to_options_have_the_cookie() {
    let max_age = "access-control-max-age: 31536000";
    let info = options(base_headers(&Route::InfoOptions), true);
    let methods = "access-control-allow-methods: OPTIONS, GET";
    assert_headers(
        &info,
        204,
        &[&[COOKIE, CACHE, EXPIRES, max_age, methods], &CORS],
    );
    let xhr = options(base_headers(&Route::PostOptions), false);
    let methods = "access-control-allow-methods: OPTIONS, POST";
    assert_headers(
        &xhr,
        204,
        &[&[COOKIE, CACHE, EXPIRES, max_age, methods], &CORS],
    );
}

#[test]
fn info_has_its_members_in_order_and_no_cookie() {
    let info = policy().info(base_headers(&Route::Info), 7, None);
    assert_headers(
        &info,
        200,
        &[
            &[NO_CACHE, "content-type: application/json; charset=UTF-8"],
            &CORS,
        ],
    );
    assert_eq!(
        info.body(),
        r#"{"websocket":true,"origins":["*:*"],"cookie_needed":true,"entropy":7}"#
    );
    let unusual = ResponsePolicy::new(Options {
        disable_cors: true,
        websocket: Some("\"yes\"".into()),
        ..Options::default()
    });
    let info = unusual.info(HeaderMap::new(), u32::MAX, Some("\"http://b\""));
    assert_eq!(
        info.body(),
        r#"{"websocket":"yes","cookie_needed":false,"entropy":4294967295,"base_url":"http://b"}"#
    );
}

#[test]
fn the_iframe_page_has_the_etag_of_0_3_24() {
    let page = policy().iframe(base_headers(&Route::Iframe), &browser());
    let etag = "etag: \"08c88a6396a2481f245d665a53d9dc14\"";
    assert_headers(
        &page,
        200,
        &[&[
            CACHE,
            EXPIRES,
            etag,
            "content-type: text/html; charset=UTF-8",
            "content-length: 472",
        ]],
    );
    assert_eq!(page.body().len(), 472);
    let known = request(&[("if-none-match", "\"08c88a6396a2481f245d665a53d9dc14\"")]);
    let unchanged = policy().iframe(base_headers(&Route::Iframe), &known);
    assert_headers(&unchanged, 304, &[&[CACHE, EXPIRES]]);
    assert!(unchanged.body().is_empty());
}

#[test]
fn the_iframe_length_is_in_bytes_and_the_url_is_inserted_unchanged() {
    let policy = ResponsePolicy::new(Options {
        sockjs_url: "http://é/$&".into(),
        ..Options::default()
    });
    let page = policy.iframe(HeaderMap::new(), &HeaderMap::new());
    assert_eq!(
        page.headers()[CONTENT_LENGTH],
        page.body().len().to_string()
    );
    assert!(String::from_utf8_lossy(page.body()).contains("src=\"http://é/$&\""));
}

#[test]
fn the_other_answers_have_the_headers_of_0_3_24() {
    assert_headers(
        &welcome(HeaderMap::new()),
        200,
        &[&["content-type: text/plain; charset=UTF-8"]],
    );
    assert_headers(
        &method_not_allowed("OPTIONS, GET"),
        405,
        &[&["allow: OPTIONS, GET"]],
    );
    let chunking = chunking_test_head(base_headers(&Route::ChunkingTest));
    assert_headers(
        &chunking,
        200,
        &[
            &["content-type: application/javascript; charset=UTF-8"],
            &CORS,
        ],
    );
    assert_headers(
        &bad_handshake(&HandshakeError::NotWebsocket, false),
        400,
        &[],
    );
    assert_headers(
        &bad_handshake(&HandshakeError::RawVersion, true),
        400,
        &[&["connection: close"]],
    );
    let version = bad_handshake(&HandshakeError::Version("12".into()), true);
    assert_headers(
        &version,
        400,
        &[&["content-type: text/plain", "content-length: 33"]],
    );
    let key = bad_handshake(&HandshakeError::MissingKey, true);
    assert_headers(
        &key,
        400,
        &[&["content-type: text/plain", "content-length: 51"]],
    );
}

#[test]
fn chunks_are_those_of_the_chunking_test() {
    assert_eq!(
        CHUNKS.map(|(delay, _)| delay),
        [0, 1, 5, 25, 125, 625, 3125]
    );
    assert_eq!(CHUNKS[1].1, format!("{}h\n", " ".repeat(2048)).as_bytes());
}
