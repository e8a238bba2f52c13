//! The two ways by which requests to Node's http server reach a [`Service`](crate::server::Service): takeover and bridge.

mod body;
pub mod bridge;
pub mod gate;
mod http_conn;
mod http_conn_state;
pub mod installation;
pub mod takeover;
pub mod upgrade;
