//! Tests of a connection whose client is at the other end of a socket.

use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use http::HeaderMap;

use super::Connection;
use crate::protocol::closing::Cause;
use crate::server::Runtime;
use crate::server::dispatch::{Plan, plan};
use crate::server::events::{Event, EventBatch, RequestInfo};
use crate::server::head::Head;
use crate::server::reply::Reply;
use crate::server::send_buffer::{Destination, Take};
use crate::server::service::Service;
use crate::server::socket::Socket;
use crate::server::testing::{NoWaker, service};

/// Requests a stream, whose destination is `near`.
fn receives(service: &Arc<Service>, near: &UnixStream) -> Reply {
    let runtime = &service.context.runtime;
    let socket = Socket::duplicate_of(near.as_raw_fd()).unwrap();
    let head = Head {
        method: "POST",
        target: "/s/0/a/xhr_streaming",
        headers: &HeaderMap::new(),
        base_url: None,
    };
    let request_info = |_, whole: bool| RequestInfo::Request {
        taken_id: 0,
        json: String::new(),
        whole: whole.then(|| head.whole()),
    };
    let destination = || Destination::Body(socket, runtime.next_io());
    match plan(service, &head, destination, request_info) {
        Plan::Reply(reply) => reply,
        Plan::Body(_) => panic!("a stream has no body"),
    }
}

/// The first frames of a stream.
fn frames(reply: &Reply) -> String {
    let Reply::Stream { send_buffer, .. } = reply else {
        panic!("{reply:?} is no stream");
    };
    let mut text = String::new();
    let mut bytes = [0; 4096];
    while let Take::Bytes(len @ 1..) | Take::Last(len @ 1..) = send_buffer.take(&mut bytes) {
        text.push_str(std::str::from_utf8(&bytes[..len]).unwrap());
    }
    text.trim_start_matches('h').trim().to_owned()
}

#[test]
fn a_receiver_whose_client_has_left_does_not_block_the_next() {
    let runtime = Runtime::start(1, 1, Box::new(NoWaker)).unwrap();
    let service = service(&runtime);
    let (near, far) = UnixStream::pair().unwrap();
    let first = receives(&service, &near);
    assert_eq!(frames(&first), "o");
    // As long as the client of the first one is there, a second one is refused.
    let busy = receives(&service, &near);
    assert!(frames(&busy).starts_with("c[2010"));
    // Nothing has read from the socket, so the server has not seen that.
    drop(far);
    let (near, _far) = UnixStream::pair().unwrap();
    let second = receives(&service, &near);
    assert_eq!(frames(&second), "o");
    // The late end of the first one does not end the second.
    drop(first);
    let busy = receives(&service, &near);
    assert!(frames(&busy).starts_with("c[2010"));
    runtime.stop();
}

/// The connection of the next event, if the event opens one, and its whole request.
fn next(runtime: &Runtime) -> (Option<Arc<Connection>>, Option<Vec<u8>>) {
    let mut batch = EventBatch::default();
    runtime.events.drain(&mut batch);
    match batch.events.pop() {
        Some(Event::Open {
            connection,
            request_info,
            ..
        }) => (connection.downcast().ok(), whole(request_info)),
        Some(Event::Attached { request_info, .. }) => (None, whole(request_info)),
        other => panic!("{other:?} is about no receiver"),
    }
}

fn whole(request_info: RequestInfo) -> Option<Vec<u8>> {
    match request_info {
        RequestInfo::Request { whole, .. } => whole,
        RequestInfo::Node { .. } => None,
    }
}

#[test]
fn whole_requests_are_copied_only_if_the_application_asks_for_them() {
    let runtime = Runtime::start(1, 1, Box::new(NoWaker)).unwrap();
    let service = service(&runtime);
    let (near, _far) = UnixStream::pair().unwrap();
    let first = receives(&service, &near);
    let (connection, request) = next(&runtime);
    let connection = connection.unwrap();
    assert_eq!(request.unwrap(), b"POST /s/0/a/xhr_streaming");
    // The application has not handled the event yet, so it may ask.
    connection.end(Cause::ReceiverDone);
    let second = receives(&service, &near);
    assert!(next(&runtime).1.is_some());
    connection.announced();
    connection.end(Cause::ReceiverDone);
    let third = receives(&service, &near);
    assert!(next(&runtime).1.is_none());
    assert_eq!(connection.receiver(), 3);
    connection.end(Cause::ReceiverDone);
    assert_eq!(connection.receiver(), 0);
    let fourth = receives(&service, &near);
    assert!(next(&runtime).1.is_some());
    drop((first, second, third, fourth));
    runtime.stop();
}
