//! The options of a service, and the units in which JavaScript passes them.

use std::time::Duration;

use napi_derive::napi;

use crate::protocol::session::Delays;
use crate::protocol::transport::Transport;
use crate::server::Options;

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

pub(super) fn service_options(options: ServiceOptions) -> Options {
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
pub(super) fn delay(milliseconds: f64) -> Duration {
    // The longest that setTimeout knows.
    const LONGEST: f64 = 2_147_483_647.0;
    let milliseconds = if (1.0..=LONGEST).contains(&milliseconds) {
        milliseconds
    } else {
        1.0
    };
    Duration::from_secs_f64(milliseconds / 1000.0)
}

/// A number of bytes; what cannot be one is the largest there is.
pub(super) fn bytes(number: f64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "saturates, which is what is meant"
    )]
    #[expect(clippy::cast_sign_loss, reason = "saturates, which is what is meant")]
    let bytes = number as usize;
    bytes
}
