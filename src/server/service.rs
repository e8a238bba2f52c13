//! One service: a prefix and its options. It answers requests for one `Server` object.

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
use crate::protocol::transport::Transport;

/// The options of the application, which JavaScript has checked.
#[derive(Clone, Debug)]
pub struct Options {
    /// `heartbeat_delay`, `disconnect_delay`, `pong_timeout`.
    pub delays: Delays,
    /// UTF-16 units after which a streaming response ends; 0 for never.
    pub response_limit: u64,
    /// Bytes of one request body.
    pub max_message_size: usize,
    /// Bytes of one websocket message (`faye_server_options.maxLength`, else `max_message_size`).
    pub max_frame_size: usize,
    /// Bytes that may wait for one client before its session is closed.
    pub max_buffered: usize,
    /// Bytes above which `write()` returns false; `None` for never.
    pub high_water_mark: Option<usize>,
    /// Period of `faye_server_options.ping`.
    pub ping: Option<Duration>,
    /// `faye_server_options.headers`, for the answer to the handshake.
    pub handshake_headers: Vec<(String, String)>,
    /// The value of `base_url` in `/info`: JSON text.
    pub base_url: Option<String>,
    /// The transports that are served; `None` for all.
    pub transports: Option<Vec<Transport>>,
    /// Whether the application wants log lines: `log` is not null.
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

/// A service. Services of one `Server` with the same prefix share a registry.
#[derive(Debug)]
pub struct Service {
    /// Its number in events.
    pub id: u32,
    /// The runtime of its environment.
    pub runtime: Arc<Runtime>,
    /// Its sessions.
    pub registry: Arc<Registry>,
    /// Finds the routes of requests.
    pub router: Router,
    /// The headers and contents of HTTP answers that depend on options.
    pub policy: ResponsePolicy,
    /// The rest of the options.
    pub options: Options,
}

/// A service on an http server. The server holds it, and so does each unfinished request that came to the
/// service there. When the last of them drops it, [`Event::Left`] tells JavaScript, which keeps its own `Service`
/// until then.
#[derive(Debug)]
pub struct ServiceInUse(Arc<Service>);

impl ServiceInUse {
    /// Puts the service on an http server.
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
    /// Passes a line to the service's `log` function, if lines are wanted.
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

    /// Tells the service's `log` function that a panic has ended a connection.
    pub fn log_fault(&self) {
        self.log("error", || {
            "Connection ended by a fault in sockjs-rs, which stderr describes".into()
        });
    }

    /// Whether a `jsessionid` function is called for this request.
    pub fn has_cookie(&self, method: &str, target: &str) -> bool {
        match self.router.resolve(method, &parse_target(target).pathname) {
            Resolved::Found(route) => ResponsePolicy::has_cookie(&route),
            Resolved::MethodNotAllowed(_) | Resolved::NotFound => false,
        }
    }

    /// Whether this request is answered only after its body has arrived.
    pub fn reads_body(&self, method: &str, target: &str) -> bool {
        let is_send = |endpoint| matches!(endpoint, Endpoint::XhrSend | Endpoint::JsonpSend);
        match self.router.resolve(method, &parse_target(target).pathname) {
            Resolved::Found(Route::Session { endpoint, .. }) => is_send(endpoint),
            Resolved::Found(_) | Resolved::MethodNotAllowed(_) | Resolved::NotFound => false,
        }
    }

    /// Whether a request for this target, which the router claims, needs an option's function in JavaScript, and
    /// so has to stay in Node.
    pub fn needs_node(&self, target: &str) -> bool {
        self.options.needs_node || (self.options.info_needs_node && target.contains("/info"))
    }
}
