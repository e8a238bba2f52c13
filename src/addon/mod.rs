//! The binding: the native methods that `lib/` calls. Applications cannot reach it.

#![allow(
    clippy::needless_pass_by_value,
    reason = "napi-rs passes arguments by value"
)]

mod bridge;
mod bridge_state;
mod connection;
mod constants;
mod fast_path;
mod id_map;
mod installation;
mod options;
mod request_text;
mod rooms;
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
use crate::server::fan_out::Member;
use crate::server::io::defer_flushes;
use crate::server::registry::Registry;
use crate::server::rooms::Rooms;
use crate::server::socket::Traffic;
use crate::server::{Context, Service};
use crate::{catch_panic, may_panic};
use bridge_state::BridgeState;
use id_map::IdMap;
use options::{ServiceOptions, service_options};
use shutdown::Shutdown;
use state::State;
use uv_poll::UvPoll;
use waker::JsWaker;

/// What all services share that one copy of `lib/` has made in one Node environment. It ends when it is garbage, or with
/// the environment.
#[napi(custom_finalize)]
pub struct NativeEngine {
    runtime: Arc<server::Runtime>,
    waker: Arc<JsWaker>,
    state: Rc<RefCell<State>>,
    bridge_state: BridgeState,
    registries: IdMap<Arc<Registry>>,
    rooms: IdMap<Arc<Rooms<Arc<dyn Member>>>>,
    services: IdMap<Arc<Service>>,
    installations: IdMap<Arc<Installation>>,
    shutdown: Rc<Shutdown>,
}

impl ObjectFinalize for NativeEngine {
    /// Called when it is garbage.
    fn finalize(self, env: Env) -> Result<()> {
        self.waker.stop(&env);
        self.shutdown.now(&env);
        Ok(())
    }
}

#[napi]
impl NativeEngine {
    /// Starts the I/O threads. At most `websocket_threads` of them serve websockets. Fails if the system has no thread or
    /// descriptor left.
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
            rooms: IdMap::default(),
            services: IdMap::default(),
            installations: IdMap::default(),
            shutdown,
        })
    }

    /// From now on, `listener` is called when events wait. Returns whether some wait already.
    #[napi(catch_unwind)]
    pub fn wake(&self, env: Env, listener: Function<'_, (), ()>) -> Result<bool> {
        self.waker.start(&env, &listener)?;
        Ok(!self.runtime.events.is_empty())
    }

    /// Nothing is in use any more. Closes the handles of the event loop, until [`NativeEngine::wake`] is called.
    #[napi(catch_unwind)]
    pub fn rest(&self, env: Env) {
        self.waker.stop(&env);
        let uv_poll = self.state.borrow_mut().uv_poll.take();
        if let Some(uv_poll) = uv_poll {
            uv_poll.close();
        }
    }

    /// Adds the functions `drain`, `message` and `write` to an object.
    #[napi(catch_unwind)]
    pub fn install_fast_path(&self, env: Env, mut target: Object<'_>) -> Result<()> {
        fast_path::install(&env, &mut target, &self.state)
    }

    /// Sets whether the process stays alive while `listener` may be called.
    #[napi(catch_unwind)]
    pub fn keep_alive(&self, env: Env, alive: bool) {
        self.waker.keep_alive(&env, alive);
    }

    /// Sends what has been written since the last call. Returns whether events wait.
    #[napi(catch_unwind)]
    pub fn flush(&self) -> bool {
        self.runtime.flush();
        !self.runtime.events.is_empty()
    }

    /// Sends everything that has been written, as far as the kernel accepts it, before it returns.
    #[napi(catch_unwind)]
    pub fn flush_last(&self) {
        self.runtime.flush_last();
    }

    /// Makes a registry: the sessions of a server under one prefix.
    #[napi(catch_unwind)]
    pub fn create_registry(&mut self) -> u32 {
        let registry = Registry::new(&self.runtime);
        self.registries.add(|_| registry)
    }

    /// JavaScript no longer uses the registry. Services and open sessions keep it.
    #[napi(catch_unwind)]
    pub fn release_registry(&mut self, registry: u32) {
        drop(self.registries.remove(registry));
    }

    /// Makes a service with the sessions of a registry. Its connections can join `rooms`.
    #[napi(catch_unwind)]
    pub fn create_service(
        &mut self,
        registry: u32,
        rooms: u32,
        options: ServiceOptions,
    ) -> Result<u32> {
        let registry = self.registries.get(registry)?.clone();
        let rooms = self.rooms.get(rooms)?.clone();
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
                rooms,
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

    /// JavaScript no longer uses the service. Its connections, and requests under way, continue.
    #[napi(catch_unwind)]
    pub fn release_service(&mut self, service: u32) {
        drop(self.services.remove(service));
    }

    /// The prefix of a service, if it is plain text. `None` for a regular expression.
    #[napi(catch_unwind)]
    pub fn literal_prefix(&self, service: u32) -> Result<Option<&str>> {
        Ok(self.services.get(service)?.router.literal())
    }

    /// Whether requests for a target belong to the service.
    #[napi(catch_unwind)]
    pub fn claims(&self, service: u32, target: String) -> Result<bool> {
        let router = &self.services.get(service)?.router;
        // After a panic, the service does not claim it.
        Ok(catch_panic(|| router.claims(&target)).unwrap_or(false))
    }

    /// Takes the HTTP connection of which Node has read the bytes `read`, if they are exactly one request that can be
    /// served. Otherwise returns false and changes nothing.
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
    #[allow(clippy::unused_self, reason = "all native functions are methods")]
    pub fn pathname(&self, target: String) -> String {
        catch_panic(|| parse_target(&target).pathname.into_owned()).unwrap_or_default()
    }

    /// Lets the JavaScript thread read from websockets while few of them are busy. It then calls `listener` if events
    /// wait. If libuv's functions are missing, the I/O threads continue to read.
    #[napi(catch_unwind)]
    pub fn start_polling(&self, env: Env, listener: Function<'_, (), ()>) {
        let uv_poll = catch_panic(|| {
            may_panic("poll");
            UvPoll::start(&env, &listener, &self.runtime)
        });
        self.state.borrow_mut().uv_poll = uv_poll.flatten();
    }

    /// JavaScript has destroyed a taken socket: its connection ends.
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
