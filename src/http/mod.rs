//! HTTP as sockjs 0.3.24 speaks it, without any I/O: routes, headers, answers.
//!
//! The order of calls for a request:
//!
//! 1. [`route::Router::claims`] with the raw target, then [`target::parse_target`], then
//!    [`route::Router::resolve`] with the method and the pathname.
//! 2. [`response_policy::ResponsePolicy::base_headers`]. Every answer of the route begins with these headers, whether it
//!    comes from [`response`], [`response_policy::ResponsePolicy::info`] or [`response_policy::ResponsePolicy::iframe`].
//! 3. Receiving requests: [`query::callback`] for jsonp and htmlfile, [`response::receiver_head`], then the
//!    prelude and the frames of a [`Wrapper`](crate::protocol::transport::Wrapper).
//! 4. Sending requests: [`payload::xhr_send_payload`] or [`payload::jsonp_send_payload`], then the decoding, and only
//!    then the search for the session. [`response::Refusal`] is the 500, [`response::not_found`] the 404.
//!
//! A response without `Content-Length` is sent chunked, as Node does (204 and 304 have no body). The iframe page,
//! `jsonp_send`'s `ok` and faye-websocket's 400s have a `Content-Length`.

pub mod cookie;
mod headers;
pub mod names;
mod pattern;
pub mod payload;
pub mod query;
pub mod response;
pub mod response_policy;
pub mod route;
pub mod target;
