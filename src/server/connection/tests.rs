//! Tests of a connection whose client is at the other end of a socket.

use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use http::HeaderMap;

use super::Connection;
use crate::server::Engine;
use crate::server::dispatch::{Head, Plan, Reply};
use crate::server::events::{Batch, Event, Facts};
use crate::server::outlet::{Carrier, Take};
use crate::server::service::Service;
use crate::server::socket::Socket;
use crate::server::testing::{Silent, service};

/// Asks to receive by a stream that goes to `near`.
fn receives(service: &Arc<Service>, near: &UnixStream) -> Reply {
    let engine = &service.engine;
    let socket = Socket::duplicate_of(near.as_raw_fd()).unwrap();
    let head = Head {
        method: "POST",
        target: "/s/0/a/xhr_streaming",
        headers: &HeaderMap::new(),
        base_url: None,
    };
    let facts = |_, whole: bool| Facts::Request {
        token: 0,
        json: String::new(),
        whole: whole.then(|| head.whole()),
    };
    let carrier = || Carrier::Body(socket, engine.next_io());
    match service.plan(&head, carrier, facts) {
        Plan::Reply(reply) => reply,
        Plan::Body(_) => panic!("a stream has no body"),
    }
}

/// The frames that a stream begins with.
fn frames(reply: &Reply) -> String {
    let Reply::Stream { outlet, .. } = reply else {
        panic!("{reply:?} is no stream");
    };
    let mut text = String::new();
    let mut bytes = [0; 4096];
    while let Take::Bytes(len @ 1..) | Take::Last(len @ 1..) = outlet.take(&mut bytes) {
        text.push_str(std::str::from_utf8(&bytes[..len]).unwrap());
    }
    text.trim_start_matches('h').trim().to_owned()
}

#[test]
fn a_receiver_whose_client_has_left_is_in_nobodys_way() {
    let engine = Engine::start(1, 1, Box::new(Silent)).unwrap();
    let service = service(&engine);
    let (near, far) = UnixStream::pair().unwrap();
    let first = receives(&service, &near);
    assert_eq!(frames(&first), "o");
    // As long as its client is there, another one is.
    let busy = receives(&service, &near);
    assert!(frames(&busy).starts_with("c[2010"));
    // Nobody has read from the socket since.
    drop(far);
    let (near, _far) = UnixStream::pair().unwrap();
    let second = receives(&service, &near);
    assert_eq!(frames(&second), "o");
    // What is late to see that the first has gone does the second no harm.
    drop(first);
    let busy = receives(&service, &near);
    assert!(frames(&busy).starts_with("c[2010"));
    engine.stop();
}

/// The connection of the event that comes next, if it opens one, and the whole request in it.
fn next(engine: &Engine) -> (Option<Arc<Connection>>, Option<Vec<u8>>) {
    let mut batch = Batch::default();
    engine.events.drain(&mut batch);
    match batch.events.pop() {
        Some(Event::Open { connection, facts }) => (Some(connection), whole(facts)),
        Some(Event::Attached { facts, .. }) => (None, whole(facts)),
        other => panic!("{other:?} is about no receiver"),
    }
}

fn whole(facts: Facts) -> Option<Vec<u8>> {
    match facts {
        Facts::Request { whole, .. } => whole,
        Facts::Node { .. } => None,
    }
}

#[test]
fn whole_requests_are_copied_for_those_who_ask() {
    let engine = Engine::start(1, 1, Box::new(Silent)).unwrap();
    let service = service(&engine);
    let (near, _far) = UnixStream::pair().unwrap();
    let first = receives(&service, &near);
    let (connection, request) = next(&engine);
    let connection = connection.unwrap();
    assert_eq!(request.unwrap(), b"POST /s/0/a/xhr_streaming");
    // The application may be about to ask.
    connection.end_receiver();
    let second = receives(&service, &near);
    assert!(next(&engine).1.is_some());
    connection.announced();
    connection.end_receiver();
    let third = receives(&service, &near);
    assert!(next(&engine).1.is_none());
    assert_eq!(connection.receiver(), 3);
    connection.end_receiver();
    assert_eq!(connection.receiver(), 0);
    let fourth = receives(&service, &near);
    assert!(next(&engine).1.is_some());
    drop((first, second, third, fourth));
    engine.stop();
}
