//! The binding: what `lib/` calls. Ids, strings and batches cross here; `index.d.ts` does not show it.

#![allow(
    clippy::needless_pass_by_value,
    reason = "napi-rs hands arguments over by value"
)]

mod bridge;
mod fast_path;
mod id_map;
mod shutdown;
mod state;
mod upgrade;
mod uv_poll;
mod waker;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use napi::bindgen_prelude::*;
use napi_derive::napi;

use crate::http::response_policy::{self, ResponsePolicy};
use crate::http::route::Router;
use crate::http::target::parse_target;
use crate::ingress::installation::{Installation, Timeouts};
use crate::ingress::takeover;
use crate::protocol::closing::{Cause, CloseFrame};
use crate::protocol::session::Delays;
use crate::protocol::websocket_kind::WebsocketKind;
use crate::server;
use crate::server::connection::{Connection, Outgoing, Sent};
use crate::server::io::defer_flushes;
use crate::server::registry::Registry;
use crate::server::socket::Traffic;
use crate::server::{Options, Service};
use crate::transport::Transport;
use crate::{catch_panic, may_panic};
use bridge::BridgeState;
use id_map::IdMap;
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

/// The options of one listener, checked and in the units named here.
#[allow(
    clippy::struct_excessive_bools,
    reason = "they are options, each on its own"
)]
#[napi(object)]
pub struct ServiceOptions {
    pub prefix: String,
    /// Milliseconds.
    pub heartbeat_delay: f64,
    /// Milliseconds.
    pub disconnect_delay: f64,
    /// Milliseconds.
    pub pong_timeout: f64,
    /// UTF-16 units.
    pub response_limit: f64,
    /// Bytes.
    pub max_message_size: f64,
    /// Bytes.
    pub max_frame_size: f64,
    /// Bytes.
    pub max_buffered: f64,
    /// Bytes.
    pub high_water_mark: Option<f64>,
    /// Milliseconds.
    pub ping: Option<f64>,
    /// Name, value, name, value…
    pub handshake_headers: Vec<String>,
    pub websocket: bool,
    /// What `/info` says of `websocket`: JSON text.
    pub websocket_info: Option<String>,
    /// Names of the transports that are served; absent for all.
    pub transports: Option<Vec<String>>,
    /// What `/info` says of them: JSON text.
    pub transports_info: Option<String>,
    pub jsessionid: bool,
    pub cookie_needed: bool,
    pub disable_cors: bool,
    pub sockjs_url: String,
    /// JSON text.
    pub base_url: Option<String>,
    pub log: bool,
    pub needs_node: bool,
    pub info_needs_node: bool,
}

/// The limits of an http server: times in milliseconds, of which 0 is none.
#[napi(object)]
pub struct InstallationLimits {
    /// What is announced to the client.
    pub keep_alive: f64,
    /// How long a connection may really be idle.
    pub idle: f64,
    /// How long an incomplete head may pause.
    pub stalled: f64,
    /// For a head.
    pub headers: f64,
    /// For a request.
    pub request: f64,
    /// Bytes.
    pub max_header_size: f64,
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
        let registry = self.runtime.registry();
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
            Arc::new(Service {
                id,
                runtime,
                registry,
                router,
                policy,
                options,
            })
        }))
    }

    /// JavaScript has let go of the listener; what it has under way goes on.
    #[napi(catch_unwind)]
    pub fn release_service(&mut self, service: u32) {
        drop(self.services.remove(service));
    }

    /// An http server.
    #[napi(catch_unwind)]
    pub fn create_installation(&mut self) -> u32 {
        self.installations.add(|id| Arc::new(Installation::new(id)))
    }

    /// JavaScript has let go of the http server, which has no connections then.
    #[napi(catch_unwind)]
    pub fn release_installation(&mut self, installation: u32) {
        drop(self.installations.remove(installation));
    }

    /// Puts a service in front of those that the installation has.
    #[napi(catch_unwind)]
    pub fn installation_add(&self, installation: u32, service: u32) -> Result<()> {
        self.installations
            .get(installation)?
            .install(self.services.get(service)?.clone());
        Ok(())
    }

    /// Takes a service off an installation. The event `Left` follows when no request for it is under way there.
    #[napi(catch_unwind)]
    pub fn installation_remove(&self, installation: u32, service: u32) -> Result<()> {
        self.installations.get(installation)?.remove(service);
        Ok(())
    }

    /// Whether connections of the installation stay in Node, or return to it with their next request.
    #[napi(catch_unwind)]
    pub fn installation_withdraw(&self, installation: u32, withdrawn: bool) -> Result<()> {
        self.installations.get(installation)?.withdraw(withdrawn);
        Ok(())
    }

    /// Follows the http server's limits.
    #[napi(catch_unwind)]
    pub fn installation_configure(
        &self,
        installation: u32,
        limits: InstallationLimits,
    ) -> Result<()> {
        let timeouts = Timeouts {
            keep_alive: limit(limits.keep_alive),
            idle: limit(limits.idle),
            stalled: limit(limits.stalled),
            headers: limit(limits.headers),
            request: limit(limits.request),
        };
        self.installations
            .get(installation)?
            .configure(timeouts, bytes(limits.max_header_size));
        self.runtime.taken.wake(installation);
        Ok(())
    }

    /// Ends the connections of the installation that wait for a request.
    #[napi(catch_unwind)]
    pub fn installation_close_idle(&self, installation: u32) {
        self.runtime.taken.close_idle(installation);
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

    /// Sends bytes over a raw websocket: 0 refused, 1 taken, 2 taken and full.
    #[napi(catch_unwind)]
    pub fn write_binary(&self, key: u32, bytes: Uint8Array) -> u32 {
        let send = |connection: &Arc<Connection>| connection.send(Outgoing::Binary(&bytes));
        self.with_connection(key, Sent::Taken, send) as u32
    }

    /// Closes a session with this `c` frame.
    #[napi(catch_unwind)]
    pub fn close(&self, key: u32, frame: String) {
        self.with_connection(key, (), |connection| {
            may_panic("close");
            connection.end(Cause::ApplicationClosed(frame.into_bytes()));
        });
    }

    /// Closes a raw websocket; without a reason it is closing and no frame is sent.
    #[napi(catch_unwind)]
    pub fn close_raw(&self, key: u32, code: u16, reason: Option<&[u8]>) {
        self.with_connection(key, (), |connection| {
            let frame = reason.map(|reason| CloseFrame::new(code, reason));
            connection.end(Cause::ApplicationClosedRaw(frame));
        });
    }

    /// JavaScript has handled all events before [`ClientClose`](crate::server::events::Event::ClientClose): closes.
    #[napi(catch_unwind)]
    pub fn finish_client_close(&self, key: u32) {
        self.with_connection(key, (), Connection::finish_client_close);
    }

    /// Ends the response that receives for a session, or its websocket without a `c` frame.
    #[napi(catch_unwind)]
    pub fn end_receiver(&self, key: u32) {
        self.with_connection(key, (), |connection| connection.end(Cause::ReceiverDone));
    }

    /// The response that receives now, by its number among those of the session; 0 for none.
    #[napi(catch_unwind)]
    pub fn receiver(&self, key: u32) -> u32 {
        self.with_connection(key, 0, |connection| connection.receiver())
    }

    /// Ends a session that nobody receives for.
    #[napi(catch_unwind)]
    pub fn end_session(&self, key: u32) {
        self.with_connection(key, (), |connection| {
            connection.end(Cause::SessionAbandoned);
        });
    }

    /// The whole request behind the event in this row of the table, while JavaScript handles that.
    #[napi(catch_unwind)]
    pub fn whole_request(&self, row: u32) -> Option<String> {
        let state = self.state.borrow();
        let latin1 = state.request(row)?;
        Some(latin1.iter().copied().map(char::from).collect())
    }

    /// Stops or restarts reading from the client.
    #[napi(catch_unwind)]
    pub fn pause(&self, key: u32, paused: bool) {
        self.with_connection(key, (), |connection| connection.pause(paused));
    }

    /// Bytes that the client has not taken.
    #[napi(catch_unwind)]
    pub fn buffered(&self, key: u32) -> f64 {
        let buffered = self.with_connection(key, 0, |connection| connection.buffered());
        #[expect(
            clippy::cast_precision_loss,
            reason = "buffers are far below 2^53 bytes"
        )]
        let buffered = buffered as f64;
        buffered
    }
}

impl NativeEngine {
    /// Does something with a connection, unless JavaScript has been told of its end. A panic costs this
    /// connection, and does not become an exception of the application's.
    fn with_connection<T: Copy>(
        &self,
        key: u32,
        nothing: T,
        run: impl FnOnce(&Arc<Connection>) -> T,
    ) -> T {
        let connection = self.state.borrow().connection(key).cloned();
        let Some(connection) = connection else {
            return nothing;
        };
        catch_panic(|| run(&connection)).unwrap_or_else(|| {
            let _ = catch_panic(|| connection.end(Cause::Panic));
            nothing
        })
    }
}

fn websocket_kind(number: u32) -> Result<WebsocketKind> {
    WebsocketKind::from_number(number)
        .ok_or_else(|| Error::from_reason("no such kind of websocket"))
}

fn service_options(options: ServiceOptions) -> Options {
    let pairs = options.handshake_headers.chunks_exact(2);
    Options {
        delays: Delays {
            heartbeat: delay(options.heartbeat_delay),
            disconnect: delay(options.disconnect_delay),
            pong: delay(options.pong_timeout),
        },
        response_limit: bytes(options.response_limit) as u64,
        max_message_size: bytes(options.max_message_size),
        max_frame_size: bytes(options.max_frame_size),
        max_buffered: bytes(options.max_buffered),
        high_water_mark: options.high_water_mark.map(bytes),
        ping: options.ping.map(delay),
        base_url: options.base_url,
        transports: options.transports.map(|names| {
            names
                .iter()
                .filter_map(|name| Transport::from_name(name))
                .collect()
        }),
        handshake_headers: pairs
            .map(|pair| (pair[0].clone(), pair[1].clone()))
            .collect(),
        log: options.log,
        needs_node: options.needs_node,
        info_needs_node: options.info_needs_node,
    }
}

/// Milliseconds as JavaScript's timers take them: at least one.
fn delay(milliseconds: f64) -> Duration {
    // The longest that setTimeout knows.
    const LONGEST: f64 = 2_147_483_647.0;
    let milliseconds = if (1.0..=LONGEST).contains(&milliseconds) {
        milliseconds
    } else {
        1.0
    };
    Duration::from_secs_f64(milliseconds / 1000.0)
}

fn limit(milliseconds: f64) -> Option<Duration> {
    (milliseconds > 0.0).then(|| delay(milliseconds))
}

/// A number of bytes; what cannot be one is the largest there is.
fn bytes(number: f64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "saturates, which is what is meant"
    )]
    #[expect(clippy::cast_sign_loss, reason = "saturates, which is what is meant")]
    let bytes = number as usize;
    bytes
}
