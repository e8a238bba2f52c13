//! One service: a prefix and its options. It answers requests for one `Server` object.

use std::ops::Deref;
use std::sync::Arc;

use super::context::Context;
use super::events::Event;
use super::registry::Registry;
use crate::http::response_policy::ResponsePolicy;
use crate::http::route::{Resolved, Route, Router};
use crate::http::target::parse_target;
use crate::protocol::transport::Endpoint;

/// A service. Services of one `Server` with the same prefix share a registry.
#[derive(Debug)]
pub struct Service {
    /// Its number, its runtime and its options.
    pub context: Arc<Context>,
    /// Its sessions.
    pub registry: Arc<Registry>,
    /// Finds the routes of requests.
    pub router: Router,
    /// The headers and contents of HTTP answers that depend on options.
    pub policy: ResponsePolicy,
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
        let Context { id, runtime, .. } = &*self.context;
        runtime.events.push(Event::Left(*id));
    }
}

impl Service {
    /// Whether a `jsessionid` function is called for this request.
    pub fn has_cookie(&self, method: &str, target: &str) -> bool {
        match self.router.resolve(method, &parse_target(target).pathname) {
            Resolved::Found(route) => ResponsePolicy::has_cookie(&route),
            Resolved::MethodNotAllowed(_) | Resolved::NotFound => false,
        }
    }

    /// Whether this request is `GET /info`, so that a `base_url` function is called for it.
    pub fn is_info(&self, method: &str, target: &str) -> bool {
        let target = parse_target(target);
        let resolved = self.router.resolve(method, &target.pathname);
        matches!(resolved, Resolved::Found(Route::Info))
    }

    /// Whether this request is answered only after its body has arrived.
    pub fn reads_body(&self, method: &str, target: &str) -> bool {
        matches!(
            self.router.resolve(method, &parse_target(target).pathname),
            Resolved::Found(Route::Session {
                endpoint: Endpoint::Send(_),
                ..
            })
        )
    }

    /// Whether a request for this target, which the router claims, needs an option's function in JavaScript, and
    /// so has to stay in Node.
    pub fn needs_node(&self, target: &str) -> bool {
        let options = &self.context.options;
        options.needs_node || (options.info_needs_node && target.contains("/info"))
    }
}
