//! What tests and fuzzing need: a waker that does nothing, and a service.

use std::sync::Arc;
use std::time::Duration;

use super::events::Waker;
use super::{Context, Options, Runtime, Service};
use crate::http::response_policy::{self, ResponsePolicy};
use crate::http::route::Router;
use crate::protocol::session::Delays;

/// Does nothing.
#[derive(Debug)]
pub struct NoWaker;

impl Waker for NoWaker {
    fn wake(&self) {}
}

/// A service under `/s`.
///
/// # Panics
///
/// Never: the prefix is valid.
pub fn service(runtime: &Arc<Runtime>) -> Arc<Service> {
    let second = Duration::from_secs(1);
    let context = Context {
        id: 0,
        runtime: runtime.clone(),
        rooms: Arc::default(),
        options: Options {
            delays: Delays {
                heartbeat: second,
                disconnect: second,
                pong: second,
            },
            response_limit: 0,
            max_message_size: 1 << 20,
            max_frame_size: 1 << 20,
            max_buffered: 1 << 20,
            high_water_mark: None,
            binary: false,
            ping: None,
            handshake_headers: Vec::new(),
            base_url: None,
            transports: None,
            log: false,
            needs_node: false,
            info_needs_node: false,
        },
    };
    Arc::new(Service {
        context: Arc::new(context),
        registry: Arc::default(),
        router: Router::new("/s", true).expect("a valid prefix"),
        policy: ResponsePolicy::new(response_policy::Options {
            disable_cors: false,
            jsessionid: false,
            cookie_needed: false,
            websocket: None,
            transports: None,
            sockjs_url: String::new(),
        }),
    })
}
