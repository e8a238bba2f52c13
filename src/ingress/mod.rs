//! The two ways by which clients of Node's http server come to a [`Service`](crate::server::Service).

mod body;
pub mod bridge;
mod exchange;
pub mod gate;
pub mod installation;
pub mod takeover;
