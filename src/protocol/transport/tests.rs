//! The table, and frames as each transport writes them.

use super::*;

fn wrapper(transport: Transport) -> Wrapper {
    Wrapper::new(transport.http().expect("it works over HTTP"), "a.b".into())
}

fn wrapped(transport: Transport, frame: &str) -> (String, u64) {
    let mut out = Vec::new();
    let units = wrapper(transport).wrap(frame.as_bytes(), &mut out);
    (String::from_utf8(out).expect("frames stay UTF-8"), units)
}

fn prelude(transport: Transport) -> Vec<u8> {
    let mut out = Vec::new();
    wrapper(transport).prelude(&mut out);
    out
}

#[test]
fn names_lead_back_to_their_transport() {
    for transport in Transport::ALL {
        assert_eq!(Transport::from_name(transport.protocol()), Some(transport));
    }
    assert_eq!(Transport::from_name("xhr"), None);
}

#[test]
fn rows_and_endpoints_are_complete() {
    for (number, transport) in (0..).zip(Transport::ALL) {
        assert_eq!(transport as u32, number);
        if let Some(http) = transport.http() {
            assert_eq!(http.transport, transport);
            assert!(Endpoint::ALL.contains(&Endpoint::Receive(transport)));
        }
    }
}

#[test]
fn polling_ends_with_one_frame_and_zero_means_no_limit() {
    let limit = |transport: Transport, limit| transport.http().unwrap().limit(limit);
    assert_eq!(limit(Transport::XhrPolling, 0), Some(1));
    assert_eq!(limit(Transport::JsonpPolling, 4096), Some(1));
    assert_eq!(limit(Transport::Htmlfile, 4096), Some(4096));
    assert_eq!(limit(Transport::Eventsource, 0), None);
}

#[test]
fn only_websockets_end_with_their_receiver() {
    assert!(
        Transport::ALL
            .iter()
            .all(|it| it.outlives_detach() != it.protocol().starts_with("websocket"))
    );
}

#[test]
fn frames_are_dressed_as_in_0_3_24() {
    assert_eq!(
        wrapped(Transport::XhrPolling, "a[\"é\u{1f600}\"]"),
        ("a[\"é\u{1f600}\"]\n".into(), 9)
    );
    assert_eq!(
        wrapped(Transport::Eventsource, "a[\"5%\"]"),
        ("data: a[\"5%25\"]\r\n\r\n".into(), 19)
    );
    assert_eq!(
        wrapped(Transport::Eventsource, "%\0\r\nx"),
        ("data: %25%00%0D%0Ax\r\n\r\n".into(), 23)
    );
    assert_eq!(
        wrapped(Transport::JsonpPolling, "a[\"x\"]"),
        ("/**/a.b(\"a[\\\"x\\\"]\");\r\n".into(), 22)
    );
    assert_eq!(
        wrapped(Transport::Htmlfile, "o"),
        ("<script>\np(\"o\");\n</script>\r\n".into(), 28)
    );
}

#[test]
fn an_htmlfile_frame_cannot_end_its_script() {
    let (text, units) = wrapped(Transport::Htmlfile, "a[\"</script><!--\"]");
    assert_eq!(
        text,
        "<script>\np(\"a[\\\"<\\/script><\\!--\\\"]\");\n</script>\r\n"
    );
    assert_eq!(units, text.len() as u64);
}

#[test]
fn streams_begin_with_their_prelude() {
    assert_eq!(
        prelude(Transport::XhrStreaming),
        [b"h".repeat(2048), b"\n".to_vec()].concat()
    );
    assert_eq!(prelude(Transport::Eventsource), b"\r\n");
    assert_eq!(prelude(Transport::JsonpPolling), b"");
    let page = String::from_utf8(prelude(Transport::Htmlfile)).expect("ASCII");
    // With `cb` 0.3.24 sends 0x405 bytes.
    assert_eq!(page.len(), 0x405 + 1);
    assert!(page.contains("var c = parent.a.b;\n") && page.ends_with(" \r\n\r\n"));
}
