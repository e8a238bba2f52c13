//! What a service's connections know of it: its options, its `log` function and the runtime.

use std::sync::Arc;
use std::time::Duration;

use super::events::{Event, Severity};
use super::fan_out::Member;
use super::rooms::Rooms;
use super::runtime::Runtime;
use crate::protocol::session::Delays;
use crate::protocol::transport::Transport;

/// The options of the application, which JavaScript has checked.
#[allow(
    clippy::struct_excessive_bools,
    reason = "they are the application's options"
)]
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
    /// Whether raw websockets send published bytes as binary frames.
    pub binary: bool,
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

/// One for each service. Its connections hold it, and so outlive the service.
#[derive(Debug)]
pub struct Context {
    /// The number of the service in events.
    pub id: u32,
    /// The runtime of its environment.
    pub runtime: Arc<Runtime>,
    /// The rooms of its `Server`.
    pub rooms: Arc<Rooms<Arc<dyn Member>>>,
    /// Its options.
    pub options: Options,
}

impl Context {
    /// Passes a line to the service's `log` function, if lines are wanted.
    pub fn log(&self, severity: Severity, line: impl FnOnce() -> String) {
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
        self.log(Severity::Error, || {
            "Connection ended by a fault in sockjs-rs, which stderr describes".into()
        });
    }
}
