//! One listener: a prefix with its options, answering for one `Server` object.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use super::events::Event;
use super::registry::Registry;
use super::runtime::Runtime;
use crate::http::response_policy::ResponsePolicy;
use crate::http::route::{Endpoint, Resolved, Route, Router};
use crate::http::target::parse_target;
use crate::protocol::session::Delays;
use crate::transport::Transport;

/// What the application chose, checked by JavaScript.
#[derive(Clone, Debug)]
pub struct Options {
    /// Heartbeats, disconnection, unanswered pings.
    pub delays: Delays,
    /// UTF-16 units after which a streaming response ends; 0 for never.
    pub response_limit: u64,
    /// Bytes of one request body.
    pub max_message_size: usize,
    /// Bytes of one websocket message (`faye_server_options.maxLength`, else `max_message_size`).
    pub max_frame_size: usize,
    /// Bytes that may wait for one client before its session is closed.
    pub max_buffered: usize,
    /// Bytes above which `write()` answers false; `None` for never.
    pub high_water_mark: Option<usize>,
    /// Period of `faye_server_options.ping`.
    pub ping: Option<Duration>,
    /// `faye_server_options.headers`, for the handshake's answer.
    pub handshake_headers: Vec<(String, String)>,
    /// What `/info` says of `base_url`: JSON text.
    pub base_url: Option<String>,
    /// The transports that are served; `None` for all.
    pub transports: Option<Vec<Transport>>,
    /// Whether anybody listens to `log`.
    pub log: bool,
    /// Whether all HTTP requests need Node's request and response objects (a `jsessionid` function).
    pub needs_node: bool,
    /// Whether `/info` needs JavaScript (a `base_url` function).
    pub info_needs_node: bool,
}

impl Options {
    /// Whether this transport is served.
    pub fn allows(&self, transport: Transport) -> bool {
        self.transports
            .as_ref()
            .is_none_or(|transports| transports.contains(&transport))
    }
}

/// A listener. Services of one `Server` with the same prefix share a registry.
#[derive(Debug)]
pub struct Service {
    /// Its name in events.
    pub id: u32,
    /// The environment it runs in.
    pub runtime: Arc<Runtime>,
    /// Its sessions.
    pub registry: Arc<Registry>,
    /// Which requests are for whom.
    pub router: Router,
    /// What its HTTP answers say.
    pub policy: ResponsePolicy,
    /// The rest of the options.
    pub options: Options,
}

/// A service on an http server, held by that and by each of its requests there that is under way. JavaScript
/// keeps the listener of one that was taken off until the last of them is over.
#[derive(Debug)]
pub struct ServiceInUse(Arc<Service>);

impl ServiceInUse {
    /// The service comes to an http server.
    pub fn new(service: Arc<Service>) -> Arc<Self> {
        Arc::new(Self(service))
    }
}

impl Deref for ServiceInUse {
    type Target = Arc<Service>;

    fn deref(&self) -> &Arc<Service> {
        &self.0
    }
}

impl Drop for ServiceInUse {
    fn drop(&mut self) {
        self.runtime.events.push(Event::Left(self.id));
    }
}

impl Service {
    /// Passes a line to the listener's `log`, if it has one.
    pub fn log(&self, severity: &'static str, line: impl FnOnce() -> String) {
        if self.options.log {
            let line = line();
            self.runtime.events.push(Event::Log {
                service: self.id,
                severity,
                line,
            });
        }
    }

    /// Tells the listener's `log` that a panic has cost a connection.
    pub fn log_fault(&self) {
        self.log("error", || {
            "Connection ended by a fault in sockjs-rs, which stderr describes".into()
        });
    }

    /// Whether this request is one that a `jsessionid` function is called for.
    pub fn has_cookie(&self, method: &str, target: &str) -> bool {
        match self.router.resolve(method, &parse_target(target).pathname) {
            Resolved::Found(route) => ResponsePolicy::has_cookie(&route),
            Resolved::MethodNotAllowed(_) | Resolved::NotFound => false,
        }
    }

    /// Whether the answer to this request waits for its body.
    pub fn reads_body(&self, method: &str, target: &str) -> bool {
        let is_send = |endpoint| matches!(endpoint, Endpoint::XhrSend | Endpoint::JsonpSend);
        match self.router.resolve(method, &parse_target(target).pathname) {
            Resolved::Found(Route::Session { endpoint, .. }) => is_send(endpoint),
            Resolved::Found(_) | Resolved::MethodNotAllowed(_) | Resolved::NotFound => false,
        }
    }

    /// Whether a request for this target, which the router claims, can only be answered with Node's
    /// own objects.
    pub fn needs_node(&self, target: &str) -> bool {
        self.options.needs_node || (self.options.info_needs_node && target.contains("/info"))
    }
}
