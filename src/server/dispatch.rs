//! From a request to its answer: the one place where routes meet sessions, for both ingresses.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Response, StatusCode, header};

use super::bodies::BodyPlan;
use super::connection::Attachment;
use super::context::Context;
use super::events::{RequestInfo, Severity};
use super::send_buffer::{Destination, SendBuffer};
use super::service::Service;
use crate::http::names::written;
use crate::http::query::callback;
use crate::http::response;
use crate::http::route::{Endpoint, Resolved, Route};
use crate::http::target::parse_target;
use crate::protocol::handshake::{Handshake, HandshakeError};
use crate::protocol::hixie::{self, Challenge};
use crate::protocol::json::quote_str;
use crate::protocol::transport::{Transport, Wrapper};
use crate::protocol::websocket_kind::WebsocketKind;

/// The head of a request, from either ingress.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// `GET` and so on.
    pub method: &'a str,
    /// The raw target; bytes above ASCII are latin1, as Node gives them.
    pub target: &'a str,
    /// At least those that sockjs 0.3.24 looks at.
    pub headers: &'a HeaderMap,
    /// What a `base_url` function has said for this request: JSON text.
    pub base_url: Option<&'a str>,
}

/// What a request leads to.
#[derive(Debug)]
pub enum Plan {
    /// This answer.
    Reply(Reply),
    /// Read the body, then call [`BodyPlan::finish`].
    Body(BodyPlan),
}

/// An answer.
#[derive(Debug)]
pub enum Reply {
    /// All of it. It is sent chunked unless it states its length or has no body (204, 304).
    Full(Response<Bytes>),
    /// A head, then what the send buffer gets until its end. The attachment is kept as long as the client
    /// is there.
    Stream {
        /// Status and headers.
        response: Response<()>,
        /// The body.
        send_buffer: Arc<SendBuffer>,
        /// The tie to the session.
        attachment: Option<Attachment>,
    },
}

/// How to answer an upgrade request.
#[derive(Debug)]
pub enum Upgrade {
    /// As the same request without `Upgrade`; then the connection closes.
    Plain,
    /// With these bytes; then the connection closes.
    Refuse(Vec<u8>),
    /// With these bytes; then it is a websocket.
    Accept {
        /// What speaks over it.
        kind: WebsocketKind,
        /// The `101`.
        response: Vec<u8>,
        /// The third key of Hixie-76 is still to come, and to be answered before anything else.
        challenge: Option<Challenge>,
    },
}

/// `jsonp` callbacks may have so many characters.
const JSONP_CALLBACK: usize = 32;

/// Request headers that the application sees: those of 0.3.24, and `origin` (deviation 1).
pub static SHOWN_HEADERS: [HeaderName; 15] = [
    header::REFERER,
    HeaderName::from_static("x-client-ip"),
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-cluster-client-ip"),
    header::VIA,
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-ssl"),
    header::DNT,
    header::HOST,
    header::USER_AGENT,
    header::ACCEPT_LANGUAGE,
    header::ORIGIN,
];

impl Head<'_> {
    fn text(&self, name: &HeaderName) -> Option<String> {
        self.headers
            .get(name)
            .map(|value| latin1(value.as_bytes()).into_owned())
    }

    /// The URL of a websocket, as faye-websocket makes it up; `secure` says that the socket is encrypted.
    fn location(&self, secure: bool) -> String {
        let by_proxy = [
            ("https", "on"),
            ("x-forwarded-ssl", "on"),
            ("x-forwarded-scheme", "https"),
            ("x-forwarded-proto", "https"),
        ];
        let secure = secure
            || by_proxy
                .iter()
                .any(|(name, value)| self.headers.get(*name).is_some_and(|it| it == value));
        let scheme = if secure { "wss" } else { "ws" };
        let host = self.text(&header::HOST);
        let host = host.as_deref().unwrap_or("undefined");
        format!("{scheme}://{host}{}", self.target)
    }

    /// What `Connection` shows of this request, as JSON text.
    pub fn request_info(&self, transport: Transport) -> String {
        let mut json = Vec::with_capacity(256);
        json.extend_from_slice(b"{\"url\":");
        quote_str(self.target, &mut json);
        json.extend_from_slice(b",\"pathname\":");
        quote_str(&parse_target(self.target).pathname, &mut json);
        json.extend_from_slice(b",\"protocol\":");
        quote_str(transport.protocol(), &mut json);
        json.extend_from_slice(b",\"headers\":{");
        let mut first = true;
        for name in &SHOWN_HEADERS {
            let Some(value) = self.headers.get(name).filter(|value| !value.is_empty()) else {
                continue;
            };
            if !std::mem::take(&mut first) {
                json.push(b',');
            }
            quote_str(name.as_str(), &mut json);
            json.push(b':');
            quote_str(&latin1(value.as_bytes()), &mut json);
        }
        json.extend_from_slice(b"}}");
        // `quote_str` appends UTF-8 only.
        String::from_utf8(json).unwrap_or_default()
    }

    /// `METHOD target`, and a line `name:value` for each header: none of them can contain a line feed.
    pub fn whole(&self) -> Vec<u8> {
        let mut lines = Vec::with_capacity(512);
        lines.extend_from_slice(self.method.as_bytes());
        lines.push(b' ');
        lines.extend_from_slice(self.target.as_bytes());
        for (name, value) in self.headers {
            lines.push(b'\n');
            lines.extend_from_slice(name.as_str().as_bytes());
            lines.push(b':');
            lines.extend_from_slice(value.as_bytes());
        }
        lines
    }
}

fn latin1(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => text.into(),
        _ => bytes
            .iter()
            .copied()
            .map(char::from)
            .collect::<String>()
            .into(),
    }
}

/// A request's line for the log, complete but for its status.
#[derive(Debug)]
pub(super) struct LogLine {
    /// With the time when it came; `None` when nobody listens.
    request: Option<(String, Instant)>,
}

impl LogLine {
    fn new(context: &Context, head: &Head<'_>) -> Self {
        let line = || (format!("{} {}", head.method, head.target), Instant::now());
        Self {
            request: context.options.log.then(line),
        }
    }

    /// 0.3.24 logs a response that goes on as `(unfinished)`.
    pub(super) fn write(self, context: &Context, status: Option<StatusCode>) {
        let Some((request, start)) = self.request else {
            return;
        };
        let elapsed = start.elapsed().as_millis();
        let status = status.map_or("(unfinished)".into(), |status| status.as_u16().to_string());
        context.log(Severity::Info, || format!("{request} {elapsed}ms {status}"));
    }
}

impl Service {
    /// Answers a request that the router claims. `destination` is asked for when the answer goes on in
    /// time, `request_info` when it receives for a session: with its transport, and whether the whole request may be
    /// asked for.
    pub fn plan(
        &self,
        head: &Head<'_>,
        destination: impl FnOnce() -> Destination,
        request_info: impl Fn(Transport, bool) -> RequestInfo,
    ) -> Plan {
        let log = LogLine::new(&self.context, head);
        let target = parse_target(head.target);
        let query = target.query.as_deref();
        let route = match self.router.resolve(head.method, &target.pathname) {
            Resolved::Found(route) => route,
            Resolved::MethodNotAllowed(allow) => {
                return self.full(log, response::method_not_allowed(&allow));
            }
            Resolved::NotFound => return self.full(log, response::not_found(HeaderMap::new())),
        };
        let base_headers = self
            .policy
            .base_headers(&route, head.headers, SystemTime::now);
        let (session, endpoint) = match route {
            Route::Session { session, endpoint } => (session, endpoint),
            Route::RawWebsocket if !self.context.options.allows(Transport::WebsocketRaw) => {
                return self.full(log, response::not_found(HeaderMap::new()));
            }
            Route::ChunkingTest => {
                return Plan::Reply(self.chunking_test(log, base_headers, destination()));
            }
            _ => return self.full(log, self.answer_alone(&route, base_headers, head)),
        };
        let (transport, callback) = match endpoint {
            Endpoint::Xhr => (Transport::XhrPolling, Ok(None)),
            Endpoint::XhrStreaming => (Transport::XhrStreaming, Ok(None)),
            Endpoint::Eventsource => (Transport::Eventsource, Ok(None)),
            Endpoint::Htmlfile => (Transport::Htmlfile, callback(query, None).map(Some)),
            Endpoint::Jsonp => (
                Transport::JsonpPolling,
                callback(query, Some(JSONP_CALLBACK)).map(Some),
            ),
            Endpoint::XhrSend | Endpoint::JsonpSend => {
                return Plan::Body(BodyPlan {
                    jsonp: endpoint == Endpoint::JsonpSend,
                    session: session.to_owned(),
                    base_headers,
                    content_type: head.text(&header::CONTENT_TYPE),
                    log,
                });
            }
            Endpoint::XhrOptions | Endpoint::XhrSendOptions | Endpoint::XhrStreamingOptions => {
                return self.full(log, response::options(base_headers, false));
            }
            Endpoint::Websocket if self.context.options.allows(Transport::Websocket) => {
                return self.full(
                    log,
                    response::bad_handshake(&HandshakeError::NotWebsocket, false),
                );
            }
            Endpoint::Websocket | Endpoint::WebsocketDisabled => {
                return self.full(log, response::not_found(base_headers));
            }
        };
        if !self.context.options.allows(transport) {
            return self.full(log, response::not_found(HeaderMap::new()));
        }
        let callback = match callback {
            Ok(callback) => callback,
            Err(refusal) => return self.full(log, refusal.response(base_headers)),
        };
        let wrapper = Wrapper::new(transport, callback);
        let response = response::receiver_head(transport, base_headers, head.headers);
        let send_buffer = SendBuffer::new(destination());
        send_buffer.write(|out| wrapper.prelude(out));
        let attachment = self.attach(session, &wrapper, &send_buffer, |whole| {
            request_info(transport, whole)
        });
        log.write(
            &self.context,
            send_buffer.has_ended().then_some(StatusCode::OK),
        );
        Plan::Reply(Reply::Stream {
            response,
            send_buffer,
            attachment,
        })
    }

    fn full(&self, log: LogLine, response: Response<Bytes>) -> Plan {
        log.write(&self.context, Some(response.status()));
        Plan::Reply(Reply::Full(response))
    }

    /// Routes that need neither a session nor time.
    fn answer_alone(
        &self,
        route: &Route<'_>,
        base_headers: HeaderMap,
        head: &Head<'_>,
    ) -> Response<Bytes> {
        match route {
            Route::Welcome => response::welcome(base_headers),
            Route::Iframe => self.policy.iframe(base_headers, head.headers),
            Route::InfoOptions => response::options(base_headers, true),
            Route::ChunkingTestOptions => response::options(base_headers, false),
            Route::RawWebsocket => response::bad_handshake(&HandshakeError::NotWebsocket, false),
            Route::Info => {
                let base_url = head.base_url.or(self.context.options.base_url.as_deref());
                self.policy.info(base_headers, entropy(), base_url)
            }
            Route::WebsocketDisabled | Route::ChunkingTest | Route::Session { .. } => {
                response::not_found(base_headers)
            }
        }
    }

    /// Makes a response the receiver of a session, which is created if it is not there.
    fn attach(
        &self,
        session: &str,
        wrapper: &Wrapper,
        send_buffer: &Arc<SendBuffer>,
        request_info: impl Fn(bool) -> RequestInfo,
    ) -> Option<Attachment> {
        loop {
            let connection = self.registry.get_or_insert(session, &self.context);
            // A session that ended between the look-up and this is no longer in the registry.
            if let Some(attachment) =
                connection.attach_response(wrapper, send_buffer, &request_info)
            {
                return attachment;
            }
        }
    }

    fn chunking_test(
        &self,
        log: LogLine,
        base_headers: HeaderMap,
        destination: Destination,
    ) -> Reply {
        log.write(&self.context, None);
        let send_buffer = SendBuffer::new(destination);
        let chunks = send_buffer.clone();
        self.context.runtime.next_io().handle().spawn(async move {
            for (delay, chunk) in response::CHUNKS {
                tokio::time::sleep(Duration::from_millis(delay)).await;
                chunks.write(|out| out.extend_from_slice(chunk));
            }
            chunks.end();
        });
        let response = response::chunking_test_head(base_headers);
        Reply::Stream {
            response,
            send_buffer,
            attachment: None,
        }
    }

    /// Judges an upgrade request that the router claims. `secure` says that its socket is encrypted.
    pub fn judge_upgrade(&self, head: &Head<'_>, secure: bool) -> Upgrade {
        let text = |name: HeaderName| head.text(&name);
        let (connection, upgrade) = (text(header::CONNECTION), text(header::UPGRADE));
        let version = text(header::SEC_WEBSOCKET_VERSION);
        let key = text(header::SEC_WEBSOCKET_KEY);
        let extensions = text(header::SEC_WEBSOCKET_EXTENSIONS);
        let handshake = Handshake {
            connection: connection.as_deref(),
            upgrade: upgrade.as_deref(),
            version: version.as_deref(),
            key: key.as_deref(),
            extensions: extensions.as_deref(),
        };
        let target = parse_target(head.target);
        let raw = match self.router.resolve(head.method, &target.pathname) {
            Resolved::Found(Route::RawWebsocket) => true,
            Resolved::Found(Route::Session {
                endpoint: Endpoint::Websocket,
                ..
            }) => false,
            _ => return Upgrade::Plain,
        };
        let transport = if raw {
            Transport::WebsocketRaw
        } else {
            Transport::Websocket
        };
        if !self.context.options.allows(transport) {
            return Upgrade::Plain;
        }
        let log = LogLine::new(&self.context, head);
        let judged = if !handshake.is_websocket() {
            Err(HandshakeError::NotWebsocket)
        } else if raw && !matches!(handshake.version, Some("8" | "13")) {
            Err(HandshakeError::RawVersion)
        } else {
            self.accept(head, &handshake, raw, secure)
        };
        match judged {
            Ok(accept) => {
                log.write(&self.context, None);
                accept
            }
            Err(error) => {
                let response = response::bad_handshake(&error, true);
                log.write(&self.context, Some(response.status()));
                Upgrade::Refuse(serialize(&response))
            }
        }
    }

    /// Answers a handshake in the protocol that it is one of.
    fn accept(
        &self,
        head: &Head<'_>,
        handshake: &Handshake<'_>,
        raw: bool,
        secure: bool,
    ) -> Result<Upgrade, HandshakeError> {
        let extra = &self.context.options.handshake_headers;
        let is_given = |value: Option<&str>| value.is_some_and(|value| !value.is_empty());
        if !is_given(handshake.version) && !is_given(handshake.key) {
            let text = |name| head.text(&HeaderName::from_static(name));
            let (key_1, key_2) = (text("sec-websocket-key1"), text("sec-websocket-key2"));
            let origin = head.text(&header::ORIGIN);
            let handshake = hixie::Handshake {
                key_1: key_1.as_deref(),
                key_2: key_2.as_deref(),
                origin: origin.as_deref(),
            };
            if handshake.is_hixie_76() {
                let (response, challenge) = handshake.answer(&head.location(secure), extra)?;
                return Ok(Upgrade::Accept {
                    kind: WebsocketKind::Hixie76,
                    response,
                    challenge: Some(challenge),
                });
            }
        }
        Ok(Upgrade::Accept {
            kind: if raw {
                WebsocketKind::Raw
            } else {
                WebsocketKind::Sockjs
            },
            response: handshake.answer(extra)?,
            challenge: None,
        })
    }
}

/// A whole response as it goes over the wire before the connection closes.
fn serialize(response: &Response<Bytes>) -> Vec<u8> {
    let status = response.status();
    let mut bytes = format!(
        "HTTP/1.1 {} {}\r\n",
        status.as_str(),
        status.canonical_reason().unwrap_or("")
    )
    .into_bytes();
    for (name, value) in response.headers() {
        bytes.extend(written(name));
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(response.body());
    bytes
}

/// A random number for `/info`, by which clients seed theirs.
fn entropy() -> u32 {
    getrandom::u32().unwrap_or_default()
}
