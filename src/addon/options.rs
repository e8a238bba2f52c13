//! The options of a service, in the units in which JavaScript passes them.

use std::time::Duration;

use napi_derive::napi;

use crate::protocol::session::Delays;
use crate::protocol::transport::Transport;
use crate::server::Options;

/// The options of a service. JavaScript has checked them.
#[allow(clippy::struct_excessive_bools, reason = "each is an option")]
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
    pub binary: bool,
    /// Milliseconds.
    pub ping: Option<f64>,
    /// Name, value, name, value…
    pub handshake_headers: Vec<String>,
    pub websocket: bool,
    /// The value of `websocket` in `/info`: JSON text.
    pub websocket_info: Option<String>,
    /// The names of the transports that are served; `None` for all.
    pub transports: Option<Vec<String>>,
    /// The value of `transports` in `/info`: JSON text.
    pub transports_info: Option<String>,
    pub jsessionid: bool,
    pub cookie_needed: bool,
    pub disable_cors: bool,
    pub sockjs_url: String,
    /// The value of `base_url` in `/info`: JSON text.
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
        binary: options.binary,
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

/// The duration of a timer. As in `setTimeout`, a value below 1 ms or above the longest delay is 1 ms.
pub(super) fn delay(milliseconds: f64) -> Duration {
    const LONGEST: f64 = 2_147_483_647.0;
    let milliseconds = if (1.0..=LONGEST).contains(&milliseconds) {
        milliseconds
    } else {
        1.0
    };
    Duration::from_secs_f64(milliseconds / 1000.0)
}

/// A number of bytes. A number that is too large becomes the largest one; a negative one and NaN become 0.
pub(super) fn bytes(number: f64) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "it saturates on purpose")]
    #[expect(clippy::cast_sign_loss, reason = "it saturates on purpose")]
    let bytes = number as usize;
    bytes
}
