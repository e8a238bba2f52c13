//! From a request to its answer, for both ingress paths.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};

use super::bodies::BodyPlan;
use super::connection::Attachment;
use super::events::RequestInfo;
use super::head::Head;
use super::reply::{LogLine, Reply};
use super::send_buffer::{Destination, SendBuffer};
use super::service::Service;
use crate::http::query::callback;
use crate::http::response;
use crate::http::route::{Resolved, Route};
use crate::http::target::parse_target;
use crate::protocol::handshake::HandshakeError;
use crate::protocol::transport::{Endpoint, Transport, Wrapper};

/// What to do with a request.
#[derive(Debug)]
pub enum Plan {
    /// Send this answer.
    Reply(Reply),
    /// Read the body, then call [`BodyPlan::finish`].
    Body(BodyPlan),
}

/// Answers a request that the router claims. `destination` is called for a response that continues. `request_info` is
/// called for a receiver, with its transport, and with whether the application may ask for the whole request.
pub fn plan(
    service: &Service,
    head: &Head<'_>,
    destination: impl FnOnce() -> Destination,
    request_info: impl Fn(Transport, bool) -> RequestInfo,
) -> Plan {
    let log = LogLine::new(&service.context, head);
    let target = parse_target(head.target);
    let query = target.query.as_deref();
    let route = match service.router.resolve(head.method, &target.pathname) {
        Resolved::Found(route) => route,
        Resolved::MethodNotAllowed(allow) => {
            return full(service, log, response::method_not_allowed(&allow));
        }
        Resolved::NotFound => return full(service, log, response::not_found(HeaderMap::new())),
    };
    let base_headers = service
        .policy
        .base_headers(&route, head.headers, SystemTime::now);
    let (session, endpoint) = match route {
        Route::Session { session, endpoint } => (session, endpoint),
        Route::RawWebsocket if !service.context.options.allows(Transport::WebsocketRaw) => {
            return full(service, log, response::not_found(HeaderMap::new()));
        }
        Route::ChunkingTest => {
            return Plan::Reply(chunking_test(service, log, base_headers, destination()));
        }
        _ => {
            let response = answer_alone(service, &route, base_headers, head);
            return full(service, log, response);
        }
    };
    let transport = match endpoint {
        Endpoint::Receive(transport) => transport,
        Endpoint::Send(sender) => {
            return Plan::Body(BodyPlan {
                sender,
                session: session.to_owned(),
                base_headers,
                content_type: head.text(&header::CONTENT_TYPE),
                log,
            });
        }
    };
    if !service.context.options.allows(transport) {
        return full(service, log, response::not_found(HeaderMap::new()));
    }
    let Some(http) = transport.http() else {
        return full(service, log, not_websocket());
    };
    let callback = http.callback.map(|max| callback(query, max)).transpose();
    let callback = match callback {
        Ok(callback) => callback.unwrap_or_default(),
        Err(refusal) => return full(service, log, refusal.response(base_headers)),
    };
    let wrapper = Wrapper::new(http, callback);
    let response = response::receiver_head(http, base_headers, head.headers);
    let send_buffer = SendBuffer::new(destination());
    send_buffer.write(|out| wrapper.prelude(out));
    let attachment = attach(service, session, &wrapper, &send_buffer, |whole| {
        request_info(transport, whole)
    });
    log.write(
        &service.context,
        send_buffer.has_ended().then_some(StatusCode::OK),
    );
    Plan::Reply(Reply::Stream {
        response,
        send_buffer,
        attachment,
    })
}

fn full(service: &Service, log: LogLine, response: Response<Bytes>) -> Plan {
    log.write(&service.context, Some(response.status()));
    Plan::Reply(Reply::Full(response))
}

/// The routes whose answer is complete and needs no session.
fn answer_alone(
    service: &Service,
    route: &Route<'_>,
    base_headers: HeaderMap,
    head: &Head<'_>,
) -> Response<Bytes> {
    match route {
        Route::Welcome => response::welcome(base_headers),
        Route::Iframe => service.policy.iframe(base_headers, head.headers),
        Route::InfoOptions => response::options(base_headers, true),
        Route::PostOptions => response::options(base_headers, false),
        Route::RawWebsocket => not_websocket(),
        Route::Info => {
            let base_url = head
                .base_url
                .or(service.context.options.base_url.as_deref());
            service.policy.info(base_headers, entropy(), base_url)
        }
        Route::WebsocketDisabled | Route::ChunkingTest | Route::Session { .. } => {
            response::not_found(base_headers)
        }
    }
}

/// Attaches a response to a session, which is created if it does not exist.
fn attach(
    service: &Service,
    session: &str,
    wrapper: &Wrapper,
    send_buffer: &Arc<SendBuffer>,
    request_info: impl Fn(bool) -> RequestInfo,
) -> Option<Attachment> {
    loop {
        let connection = service.registry.get_or_insert(session, &service.context);
        // If the session has ended since the look-up, it is no longer in the registry.
        if let Some(attachment) = connection.attach_response(wrapper, send_buffer, &request_info) {
            return attachment;
        }
    }
}

fn chunking_test(
    service: &Service,
    log: LogLine,
    base_headers: HeaderMap,
    destination: Destination,
) -> Reply {
    log.write(&service.context, None);
    let send_buffer = SendBuffer::new(destination);
    let chunks = send_buffer.clone();
    service
        .context
        .runtime
        .next_io()
        .handle()
        .spawn(async move {
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

/// The answer to a request for a websocket without `Upgrade`.
fn not_websocket() -> Response<Bytes> {
    response::bad_handshake(&HandshakeError::NotWebsocket, false)
}

/// A random number for `/info`: clients seed their generators with it.
fn entropy() -> u32 {
    getrandom::u32().unwrap_or_default()
}
