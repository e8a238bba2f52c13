//! HTTP as sockjs 0.3.24 speaks it, without any I/O: routes, headers, answers.
//!
//! 1. [`route::Router::claims`] on the raw target, then [`target::parse_target`], then
//!    [`route::Router::resolve`] with the method and the pathname.
//! 2. [`response_policy::ResponsePolicy::base_headers`] gives the headers that the route sets first. Hand them to whatever
//!    answers: [`response`], [`response_policy::ResponsePolicy::info`], [`response_policy::ResponsePolicy::iframe`].
//! 3. Receivers: [`query::callback`] for jsonp and htmlfile, [`response::receiver_head`], then the
//!    prelude and the frames of a [`Wrapper`](crate::transport::Wrapper).
//! 4. Senders: [`payload::xhr_send_payload`] or [`payload::jsonp_send_payload`], decoding, only
//!    then the session; [`response::Refusal`] is the 500, [`response::not_found`] the 404.
//!
//! Framing: a response that carries no `Content-Length` is sent chunked, as Node sends it (204 and
//! 304 have neither); the iframe page, `jsonp_send`'s `ok` and two of the 400s carry one.

pub mod cookie;
pub mod names;
mod pattern;
pub mod payload;
pub mod query;
pub mod response;
pub mod response_policy;
pub mod route;
pub mod target;
