//! The two ways by which clients of Node's http server come to a [`Service`](crate::server::Service).

mod body;
pub mod bridge;
pub mod gate;
mod http_conn;
mod http_conn_state;
pub mod installation;
pub mod takeover;
