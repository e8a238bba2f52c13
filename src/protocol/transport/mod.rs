//! What tells one transport from another: names, limits, and how a frame looks on its wire.

mod htmlfile;

use super::json;

/// The ways in which a client can be connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    Websocket,
    WebsocketRaw,
    XhrPolling,
    XhrStreaming,
    Eventsource,
    Htmlfile,
    JsonpPolling,
}

impl Transport {
    /// All of them, in the order of their names.
    pub const ALL: [Self; 7] = [
        Self::Eventsource,
        Self::Htmlfile,
        Self::JsonpPolling,
        Self::Websocket,
        Self::WebsocketRaw,
        Self::XhrPolling,
        Self::XhrStreaming,
    ];

    /// The name that `conn.protocol` shows and the `transports` option uses.
    pub fn protocol(self) -> &'static str {
        match self {
            Self::Websocket => "websocket",
            Self::WebsocketRaw => "websocket-raw",
            Self::XhrPolling => "xhr-polling",
            Self::XhrStreaming => "xhr-streaming",
            Self::Eventsource => "eventsource",
            Self::Htmlfile => "htmlfile",
            Self::JsonpPolling => "jsonp-polling",
        }
    }

    /// The transport whose [`protocol`](Self::protocol) is `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|transport| transport.protocol() == name)
    }

    /// UTF-16 units after which a response ends, counted as [`Wrapper::wrap`] does; `None` for no
    /// end. A polling response ends with its first frame; a `response_limit` of 0 is no limit.
    pub fn limit(self, response_limit: u64) -> Option<u64> {
        match self {
            Self::XhrPolling | Self::JsonpPolling => Some(1),
            Self::XhrStreaming | Self::Eventsource | Self::Htmlfile => {
                (response_limit != 0).then_some(response_limit)
            }
            Self::Websocket | Self::WebsocketRaw => None,
        }
    }

    /// Whether a session lives on for `disconnect_delay` when its receiver has finished. On
    /// websockets it ends at once.
    pub fn outlives_detach(self) -> bool {
        !matches!(self, Self::Websocket | Self::WebsocketRaw)
    }
}

/// Dresses frames for one receiver: a response, or a websocket (where a frame goes as it is).
#[derive(Clone, Debug)]
pub struct Wrapper {
    transport: Transport,
    callback: String,
}

impl Wrapper {
    /// `callback` is the validated (see `http::query::callback`) function name of jsonp
    /// and htmlfile; other transports have none.
    pub fn new(transport: Transport, callback: Option<String>) -> Self {
        Self {
            transport,
            callback: callback.unwrap_or_default(),
        }
    }

    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// Appends what follows the head at once. It does not count against `response_limit`.
    pub fn prelude(&self, out: &mut Vec<u8>) {
        match self.transport {
            Transport::XhrStreaming => {
                out.resize(out.len() + XHR_PRELUDE, b'h');
                out.push(b'\n');
            }
            Transport::Eventsource => out.extend_from_slice(b"\r\n"),
            Transport::Htmlfile => htmlfile::prelude(&self.callback, out),
            Transport::XhrPolling
            | Transport::JsonpPolling
            | Transport::Websocket
            | Transport::WebsocketRaw => {}
        }
    }

    /// Appends `frame` (valid UTF-8) as this transport writes it. Returns the UTF-16 units
    /// appended, which is what sockjs 0.3.24 counts against `response_limit`.
    pub fn wrap(&self, frame: &[u8], out: &mut Vec<u8>) -> u64 {
        // Growing once more for what follows a long frame would copy all of it.
        out.reserve(frame.len() + AROUND_FRAME);
        let units = match self.transport {
            Transport::XhrPolling | Transport::XhrStreaming => {
                out.extend_from_slice(frame);
                out.push(b'\n');
                json::utf16_len(frame) + 1
            }
            Transport::Eventsource => wrap_event(frame, out),
            Transport::Htmlfile => htmlfile::wrap(frame, out),
            Transport::JsonpPolling => {
                out.extend_from_slice(b"/**/");
                out.extend_from_slice(self.callback.as_bytes());
                out.push(b'(');
                let argument = json::stringify(frame, out);
                out.extend_from_slice(b");\r\n");
                // The callback is ASCII.
                b"/**/();\r\n".len() + self.callback.len() + argument
            }
            Transport::Websocket | Transport::WebsocketRaw => {
                out.extend_from_slice(frame);
                json::utf16_len(frame)
            }
        };
        units as u64
    }
}

/// One server-sent event. sockjs 0.3.24 writes `%`, CR, LF and NUL as JavaScript's `escape` does.
fn wrap_event(frame: &[u8], out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(b"data: ");
    for part in frame.split_inclusive(|byte| matches!(byte, b'%' | b'\r' | b'\n' | 0)) {
        let (plain, escape): (&[u8], &[u8]) = match part {
            [plain @ .., b'%'] => (plain, b"%25"),
            [plain @ .., b'\r'] => (plain, b"%0D"),
            [plain @ .., b'\n'] => (plain, b"%0A"),
            [plain @ .., 0] => (plain, b"%00"),
            plain => (plain, b""),
        };
        out.extend_from_slice(plain);
        out.extend_from_slice(escape);
    }
    out.extend_from_slice(b"\r\n\r\n");
    json::utf16_len(&out[start..])
}

/// Bytes around a frame of most transports; for one with many escapes it is not enough.
const AROUND_FRAME: usize = 32;

/// Bytes of `h` that old browsers want before they show a stream to its reader.
const XHR_PRELUDE: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(transport: Transport, frame: &str) -> (String, u64) {
        let mut out = Vec::new();
        let units = Wrapper::new(transport, Some("a.b".into())).wrap(frame.as_bytes(), &mut out);
        (String::from_utf8(out).expect("frames stay UTF-8"), units)
    }

    fn prelude(transport: Transport) -> Vec<u8> {
        let mut out = Vec::new();
        Wrapper::new(transport, Some("a.b".into())).prelude(&mut out);
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
    fn polling_ends_with_one_frame_and_zero_means_no_limit() {
        assert_eq!(Transport::XhrPolling.limit(0), Some(1));
        assert_eq!(Transport::JsonpPolling.limit(4096), Some(1));
        assert_eq!(Transport::Htmlfile.limit(4096), Some(4096));
        assert_eq!(Transport::Eventsource.limit(0), None);
        assert_eq!(Transport::Websocket.limit(4096), None);
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
        assert_eq!(wrapped(Transport::Websocket, "o"), ("o".into(), 1));
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
}
