//! The binding: what `lib/` calls. Ids, strings and batches cross here; `index.d.ts` does not show it.

#![allow(
    clippy::needless_pass_by_value,
    reason = "napi-rs hands arguments over by value"
)]

mod bridge;
mod connection;
mod constants;
mod fast_path;
mod id_map;
mod installation;
mod options;
mod request_text;
mod shutdown;
mod state;
mod upgrade;
mod uv_poll;
mod waker;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use napi::bindgen_prelude::*;
use napi_derive::napi;

use crate::http::response_policy::{self, ResponsePolicy};
use crate::http::route::Router;
use crate::http::target::parse_target;
use crate::ingress::installation::Installation;
use crate::ingress::takeover;
use crate::server;
use crate::server::io::defer_flushes;
use crate::server::registry::Registry;
use crate::server::socket::Traffic;
use crate::server::{Context, Service};
use crate::{catch_panic, may_panic};
use bridge::BridgeState;
use id_map::IdMap;
use options::{ServiceOptions, service_options};
use shutdown::Shutdown;
use state::State;
use uv_poll::UvPoll;
use waker::JsWaker;

/// What the services of one Node environment share, as far as one copy of `lib/` has made them. It ends when
/// that lets go of it, or with the environment.
#[allow(
    clippy::struct_field_names,
    reason = "a runtime of JavaScript's holds one of Rust's"
)]
#[napi(custom_finalize)]
pub struct NativeEngine {
    runtime: Arc<server::Runtime>,
    waker: Arc<JsWaker>,
    state: Rc<RefCell<State>>,
    bridge_state: BridgeState,
    registries: IdMap<Arc<Registry>>,
    services: IdMap<Arc<Service>>,
    installations: IdMap<Arc<Installation>>,
    shutdown: Rc<Shutdown>,
}

impl ObjectFinalize for NativeEngine {
    /// Nothing of `lib/` holds it any more.
    fn finalize(self, env: Env) -> Result<()> {
        self.waker.stop(&env);
        self.shutdown.now(&env);
        Ok(())
    }
}

#[napi]
impl NativeEngine {
    /// Starts the I/O threads, of which `websocket_threads` serve websockets. An error is that of the system
    /// that has nothing left for them.
    #[napi(constructor)]
    pub fn new(env: Env, io_threads: u32, websocket_threads: u32) -> Result<Self> {
        let waker = Arc::new(JsWaker::default());
        defer_flushes();
        let runtime = server::Runtime::start(
            io_threads as usize,
            websocket_threads as usize,
            Box::new(waker.clone()),
        )
        .map_err(|error| Error::from_reason(error.to_string()))?;
        let state = Rc::new(RefCell::new(State::new(runtime.clone())));
        let shutdown = Shutdown::with(&env, &runtime, &state)?;
        Ok(Self {
            state,
            runtime,
            waker,
            bridge_state: BridgeState::default(),
            registries: IdMap::default(),
            services: IdMap::default(),
            installations: IdMap::default(),
            shutdown,
        })
    }

    /// Something is in use from now on: `listener` is called when events wait. True when some wait already.
    #[napi(catch_unwind)]
    pub fn wake(&self, env: Env, listener: Function<'_, (), ()>) -> Result<bool> {
        self.waker.start(&env, &listener)?;
        Ok(!self.runtime.events.is_empty())
    }

    /// Nothing is in use any more, so nothing happens until [`NativeEngine::wake`].
    #[napi(catch_unwind)]
    pub fn rest(&self, env: Env) {
        self.waker.stop(&env);
        let uv_poll = self.state.borrow_mut().uv_poll.take();
        if let Some(uv_poll) = uv_poll {
            uv_poll.close();
        }
    }

    /// Puts the raw functions `drain` and `write` on an object.
    #[napi(catch_unwind)]
    pub fn install_fast_path(&self, env: Env, mut target: Object<'_>) -> Result<()> {
        fast_path::install(&env, &mut target, &self.state)
    }

    /// Whether what may still happen keeps the process alive.
    #[napi(catch_unwind)]
    pub fn keep_alive(&self, env: Env, alive: bool) {
        self.waker.keep_alive(&env, alive);
    }

    /// Sends what has been written since the last call. True when events wait to be drained.
    #[napi(catch_unwind)]
    pub fn flush(&self) -> bool {
        self.runtime.flush();
        !self.runtime.events.is_empty()
    }

    /// Hands all that has been written to the kernel before it returns, as far as the kernel takes it.
    #[napi(catch_unwind)]
    pub fn flush_last(&self) {
        self.runtime.flush_last();
    }

    /// A map of sessions.
    #[napi(catch_unwind)]
    pub fn create_registry(&mut self) -> u32 {
        let registry = Registry::new(&self.runtime);
        self.registries.add(|_| registry)
    }

    /// JavaScript has let go of the map; sessions that are open keep it.
    #[napi(catch_unwind)]
    pub fn release_registry(&mut self, registry: u32) {
        drop(self.registries.remove(registry));
    }

    /// A listener with the sessions of `registry`.
    #[napi(catch_unwind)]
    pub fn create_service(&mut self, registry: u32, options: ServiceOptions) -> Result<u32> {
        let registry = self.registries.get(registry)?.clone();
        let router = Router::new(&options.prefix, options.websocket)
            .map_err(|error| Error::new(Status::InvalidArg, error.0))?;
        let policy = ResponsePolicy::new(response_policy::Options {
            disable_cors: options.disable_cors,
            jsessionid: options.jsessionid,
            cookie_needed: options.cookie_needed,
            websocket: options.websocket_info.clone(),
            transports: options.transports_info.clone(),
            sockjs_url: options.sockjs_url.clone(),
        });
        let runtime = self.runtime.clone();
        let options = service_options(options);
        Ok(self.services.add(|id| {
            let context = Context {
                id,
                runtime,
                options,
            };
            Arc::new(Service {
                context: Arc::new(context),
                registry,
                router,
                policy,
            })
        }))
    }

    /// JavaScript has let go of the listener; what it has under way goes on.
    #[napi(catch_unwind)]
    pub fn release_service(&mut self, service: u32) {
        drop(self.services.remove(service));
    }

    /// The prefix of a service, if it is no expression.
    #[napi(catch_unwind)]
    pub fn literal_prefix(&self, service: u32) -> Result<Option<&str>> {
        Ok(self.services.get(service)?.router.literal())
    }

    /// Whether a request for this target is the service's.
    #[napi(catch_unwind)]
    pub fn claims(&self, service: u32, target: String) -> Result<bool> {
        let router = &self.services.get(service)?.router;
        // After a panic it is the application's, or nobody's.
        Ok(catch_panic(|| router.claims(&target)).unwrap_or(false))
    }

    /// Takes the HTTP connection whose current request is all of `read`. False leaves it to Node.
    #[napi(catch_unwind)]
    pub fn take_http(
        &self,
        installation: u32,
        fd: i32,
        taken_id: u32,
        read: &[u8],
    ) -> Result<bool> {
        let installation = self.installations.get(installation)?;
        Ok(takeover::take_http(
            &self.runtime,
            installation,
            fd,
            taken_id,
            read,
        ))
    }

    /// The pathname of a request target, as legacy `url.parse` finds it.
    #[napi(catch_unwind)]
    #[allow(clippy::unused_self, reason = "a method like the others")]
    pub fn pathname(&self, target: String) -> String {
        catch_panic(|| parse_target(&target).pathname.into_owned()).unwrap_or_default()
    }

    /// Lets the JavaScript thread read from websockets while few of them are busy. `listener` is called
    /// when events wait. Where that cannot be, the I/O threads go on reading.
    #[napi(catch_unwind)]
    pub fn start_polling(&self, env: Env, listener: Function<'_, (), ()>) {
        let uv_poll = catch_panic(|| {
            may_panic("poll");
            UvPoll::start(&env, &listener, &self.state, self.runtime.ios())
        });
        self.state.borrow_mut().uv_poll = uv_poll.flatten();
    }

    /// A taken socket of Node has been destroyed.
    #[napi(catch_unwind)]
    pub fn abandon(&self, taken_id: u32) {
        self.runtime.taken.abandon(taken_id);
    }

    /// How many bytes a taken socket has read and written since it was taken.
    #[napi(catch_unwind)]
    pub fn traffic(&self, taken_id: u32) -> Vec<f64> {
        let Traffic { read, written } = self.runtime.taken.traffic(taken_id);
        #[expect(
            clippy::cast_precision_loss,
            reason = "no connection carries 2^53 bytes"
        )]
        let numbers = vec![read as f64, written as f64];
        numbers
    }
}
