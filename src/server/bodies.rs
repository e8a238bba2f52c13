//! Requests that bring messages, `xhr_send` and `jsonp_send`, once their body is there.

use http::{HeaderMap, header};

use super::connection::Permit;
use super::dispatch::{LogLine, Reply};
use super::service::Service;
use crate::http::payload::{
    JsonpPayload, is_known_content_type, jsonp_send_payload, xhr_send_payload,
};
use crate::http::response::{self, Refusal};
use crate::protocol::json::Messages;

/// `xhr_send` or `jsonp_send`, waiting for its body.
#[derive(Debug)]
pub struct BodyPlan {
    pub(super) jsonp: bool,
    pub(super) session: String,
    pub(super) base_headers: HeaderMap,
    pub(super) content_type: Option<String>,
    pub(super) log: LogLine,
}

/// Whether a body may be delivered.
#[derive(Debug)]
pub enum Admission {
    /// Now.
    Now,
    /// When the application has resumed the connection.
    Wait(Permit),
    /// Too many wait for that already.
    TooManyWaiting,
}

impl BodyPlan {
    /// Answers when the body is there; `None` is a body longer than `max_message_size`. Waits while
    /// the application has paused the connection or is far behind: that holds the client back.
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

    /// What a body has to wait for; one that is too long waits for nothing.
    pub fn admit(&self, service: &Service) -> Admission {
        match service.registry.get(&self.session) {
            Some(connection) if connection.is_paused() => connection
                .wait_permit()
                .map_or(Admission::TooManyWaiting, Admission::Wait),
            _ => Admission::Now,
        }
    }

    /// Refuses a body because too many wait already.
    pub fn too_many_waiting(self, service: &Service) -> Reply {
        self.reply(service, &Err(Failure::TooManyWaiting))
    }

    /// [`BodyPlan::finish`] for those who cannot wait.
    pub fn finish_now(self, service: &Service, body: Option<&[u8]>) -> Reply {
        let delivered = match body {
            None => Err(Failure::TooLarge),
            Some(body) => {
                let content_type = self.content_type.as_deref();
                deliver(service, self.jsonp, &self.session, content_type, body)
            }
        };
        self.reply(service, &delivered)
    }

    fn reply(self, service: &Service, delivered: &Result<(), Failure>) -> Reply {
        let Self {
            jsonp,
            base_headers,
            log,
            ..
        } = self;
        let response = match delivered {
            Ok(()) if jsonp => response::jsonp_sent(base_headers),
            Ok(()) => response::xhr_sent(base_headers),
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
        log.write(service, Some(response.status()));
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

/// Delivers a body's messages. 0.3.24 judges the body (500) before it looks for the session (404).
fn deliver(
    service: &Service,
    jsonp: bool,
    session: &str,
    content_type: Option<&str>,
    body: &[u8],
) -> Result<(), Failure> {
    if !is_known_content_type(content_type, jsonp) {
        let name = content_type.unwrap_or_default();
        service.log("error", || format!("Unsupported content-type {name}"));
    }
    let payload = if jsonp {
        jsonp_send_payload(content_type, body)?
    } else {
        JsonpPayload::Json(xhr_send_payload(content_type, body)?)
    };
    if let Some(connection) = service.registry.get(session) {
        return Ok(connection.receive(|inbox| payload.deliver(inbox))?);
    }
    payload.deliver(&mut Nobody)?;
    Err(Failure::NoSession)
}

/// Judges messages without keeping them.
struct Nobody;

impl Messages for Nobody {
    fn ascii(&mut self, _text: &[u8]) {}
    fn wide(&mut self, _fill: &mut dyn FnMut(&mut Vec<u16>)) {}
    fn value(&mut self, _json: &str) {}
}
