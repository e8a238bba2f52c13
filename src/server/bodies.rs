//! Answers `xhr_send` and `jsonp_send` after their body has arrived.

use http::{HeaderMap, header};

use super::connection::Permit;
use super::events::Severity;
use super::reply::{LogLine, Reply};
use super::service::Service;
use crate::http::payload::{
    JsonpPayload, is_known_content_type, jsonp_send_payload, xhr_send_payload,
};
use crate::http::response::{self, Refusal};
use crate::protocol::json::Messages;
use crate::protocol::transport::Sender;

/// An `xhr_send` or `jsonp_send` request whose body has not arrived yet.
#[derive(Debug)]
pub struct BodyPlan {
    pub(super) sender: Sender,
    pub(super) session: String,
    pub(super) base_headers: HeaderMap,
    pub(super) content_type: Option<String>,
    pub(super) log: LogLine,
}

/// Whether a body may be delivered.
#[derive(Debug)]
pub enum Admission {
    /// It may be delivered now.
    Now,
    /// It has to wait until the application resumes the connection.
    Wait(Permit),
    /// Too many bodies already wait for that.
    TooManyWaiting,
}

impl BodyPlan {
    /// Delivers the body and answers the request. `None` means that the body is longer than
    /// `max_message_size`. Waits while the application has paused the connection or is far behind, so that the
    /// client does not send more.
    pub async fn finish(self, service: &Service, body: Option<&[u8]>) -> Reply {
        if body.is_some()
            && let Some(connection) = service.registry.get(&self.session)
        {
            let admission = self.admit(service);
            if matches!(admission, Admission::TooManyWaiting) {
                return self.too_many_waiting(service);
            }
            connection.may_read().await;
            drop(admission);
        }
        self.finish_now(service, body)
    }

    /// Whether the body has to wait. Must not be called for a body that is too long, because that never waits.
    pub fn admit(&self, service: &Service) -> Admission {
        match service.registry.get(&self.session) {
            Some(connection) if connection.is_paused() => connection
                .wait_permit()
                .map_or(Admission::TooManyWaiting, Admission::Wait),
            _ => Admission::Now,
        }
    }

    /// Refuses the body because too many already wait.
    pub fn too_many_waiting(self, service: &Service) -> Reply {
        self.reply(service, &Err(Failure::TooManyWaiting))
    }

    /// [`BodyPlan::finish`] without waiting. For the bridge, which waits in JavaScript.
    pub fn finish_now(self, service: &Service, body: Option<&[u8]>) -> Reply {
        let delivered = match body {
            None => Err(Failure::TooLarge),
            Some(body) => {
                let content_type = self.content_type.as_deref();
                deliver(service, self.sender, &self.session, content_type, body)
            }
        };
        self.reply(service, &delivered)
    }

    fn reply(self, service: &Service, delivered: &Result<(), Failure>) -> Reply {
        let Self {
            sender,
            base_headers,
            log,
            ..
        } = self;
        let response = match delivered {
            Ok(()) => response::sent(sender, base_headers),
            Err(Failure::Refused(refusal)) => refusal.response(base_headers),
            Err(Failure::NoSession) => response::not_found(base_headers),
            Err(Failure::TooManyWaiting) => response::too_many_waiting(base_headers),
            Err(Failure::TooLarge) => {
                let mut response = response::payload_too_large(base_headers);
                let close = header::HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
                response
            }
        };
        log.write(&service.context, Some(response.status()));
        Reply::Full(response)
    }
}

enum Failure {
    Refused(Refusal),
    NoSession,
    TooManyWaiting,
    TooLarge,
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Delivers the messages of a body. As in 0.3.24, the body is checked (500) before the session is looked up (404).
fn deliver(
    service: &Service,
    sender: Sender,
    session: &str,
    content_type: Option<&str>,
    body: &[u8],
) -> Result<(), Failure> {
    if !is_known_content_type(content_type, sender) {
        let name = content_type.unwrap_or_default();
        service.context.log(Severity::Error, || {
            format!("Unsupported content-type {name}")
        });
    }
    let payload = match sender {
        Sender::Xhr => JsonpPayload::Json(xhr_send_payload(content_type, body)?),
        Sender::Jsonp => jsonp_send_payload(content_type, body)?,
    };
    if let Some(connection) = service.registry.get(session) {
        return Ok(connection.receive(|inbox| payload.deliver(inbox))?);
    }
    payload.deliver(&mut Discard)?;
    Err(Failure::NoSession)
}

/// Drops messages: only the payload is checked.
struct Discard;

impl Messages for Discard {
    fn ascii(&mut self, _text: &[u8]) {}
    fn wide(&mut self, _fill: &mut dyn FnMut(&mut Vec<u16>)) {}
    fn value(&mut self, _json: &str) {}
}
