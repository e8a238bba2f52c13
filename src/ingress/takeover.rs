//! The takeover: serves sockets that were taken from Node's http server.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, CONTENT_LENGTH, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use tokio::time::{Instant, sleep_until};

use super::body::Body;
use super::gate::{Gate, Verdict, judge};
use super::http_conn::HttpConn;
use super::http_conn_state::{End, Expired};
use super::installation::Installation;
use crate::server::Runtime;
use crate::server::dispatch::{Plan, plan};
use crate::server::events::{Event, RequestInfo};
use crate::server::head::Head;
use crate::server::io::Io;
use crate::server::reply::Reply;
use crate::server::send_buffer::Destination;
use crate::server::socket::{Polled, Socket};
use crate::server::taken_sockets::{Fault, Returned};
use crate::server::websocket_reader::{self, Accepted};
use crate::{catch_panic, may_panic};

fn register(runtime: &Runtime, fd: i32) -> io::Result<(Polled, Arc<Io>)> {
    let io = runtime.next_io();
    let _entered = io.handle().enter();
    Ok((Polled::new(Socket::duplicate_of(fd)?)?, io.clone()))
}

/// Takes the socket of a websocket. If that fails, nothing has changed.
pub fn take_websocket(accepted: &Accepted<'_>, fd: i32) -> io::Result<()> {
    let socket = Socket::duplicate_of(fd)?;
    if catch_panic(|| websocket_reader::open_taken(accepted, &socket)).is_none() {
        // The bridge cannot continue a websocket that has begun here, so it counts as taken, and ends.
        let &Accepted {
            context,
            id: taken_id,
            ..
        } = accepted;
        socket.shutdown();
        context.runtime.taken.remove(taken_id);
        context.runtime.events.push(Event::Ended {
            taken_id,
            traffic: socket.traffic(),
        });
        context.log_fault();
    }
    Ok(())
}

/// Takes an HTTP connection of which Node has read the bytes `read`, if they are exactly one request that
/// [the gate](super::gate) lets pass. Otherwise returns false and changes nothing.
pub fn take_http(
    runtime: &Arc<Runtime>,
    installation: &Arc<Installation>,
    fd: i32,
    taken_id: u32,
    read: &[u8],
) -> bool {
    catch_panic(|| begin_http(runtime, installation, fd, taken_id, read)).unwrap_or_else(|| {
        // The duplicate is closed again, and Node still has its own descriptor.
        runtime.taken.remove(taken_id);
        false
    })
}

fn begin_http(
    runtime: &Arc<Runtime>,
    installation: &Arc<Installation>,
    fd: i32,
    taken_id: u32,
    read: &[u8],
) -> bool {
    match judge(read, installation) {
        Verdict::Ours(_, len) if len == read.len() => {}
        _ => return false,
    }
    let Ok((polled, io)) = register(runtime, fd) else {
        return false;
    };
    may_panic("take");
    let socket = polled.socket().clone();
    let http_conn = Arc::new(HttpConn::new(installation.clone()));
    runtime.taken.add_http(taken_id, &socket, http_conn.clone());
    let gate = Gate::new(polled, installation.clone(), http_conn.clone(), read);
    let driver = Driver {
        runtime: runtime.clone(),
        installation: installation.clone(),
        socket,
        http_conn,
        io: io.clone(),
        taken_id,
    };
    io.handle().spawn(driver.run(gate));
    true
}

/// Serves one taken HTTP connection.
struct Driver {
    runtime: Arc<Runtime>,
    installation: Arc<Installation>,
    socket: Arc<Socket>,
    http_conn: Arc<HttpConn>,
    io: Arc<Io>,
    taken_id: u32,
}

impl Driver {
    async fn run(self, gate: Gate) {
        let mut release = Release {
            driver: self,
            end: End::Closed,
        };
        // Clients that left before this one came are noticed first, as in Node's single thread: this request may name
        // the session of one of them.
        tokio::task::yield_now().await;
        release.end = release.driver.serve(gate).await;
    }

    async fn serve(&self, gate: Gate) -> End {
        let service = service_fn(|request| self.respond(request));
        let mut connection = pin!(
            http1::Builder::new()
                .title_case_headers(true)
                .header_read_timeout(None)
                .serve_connection(gate, service)
        );
        let mut alarm = pin!(sleep_until(Instant::now()));
        let mut armed = None;
        let ended = poll_fn(|cx| {
            if armed.is_none() {
                self.http_conn.serve_in(cx.waker());
            }
            loop {
                if connection.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(None);
                }
                let Some((at, then)) = self.http_conn.deadline() else {
                    return Poll::Pending;
                };
                // If the deadline has moved to a later time, the alarm fires early and is set again.
                if armed.is_none_or(|armed| at < armed) {
                    armed = Some(at);
                    alarm.as_mut().reset(at.into());
                }
                if alarm.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                if at <= std::time::Instant::now() {
                    return Poll::Ready(Some(then));
                }
                armed = None;
            }
        })
        .await;
        match ended {
            Some(Expired::RequestTimeout) => End::Fault(Fault::RequestTimeout),
            Some(Expired::Close) => End::Closed,
            None => self.http_conn.end(),
        }
    }

    async fn respond(&self, request: Request<Incoming>) -> io::Result<Response<Body>> {
        may_panic("respond");
        // Each request causes an event for JavaScript, at least a log line.
        self.runtime.events.room().await;
        let Some(service) = self.http_conn.service() else {
            return Err(io::Error::other(
                "a request came without a service from the gate",
            ));
        };
        let (parts, mut body) = request.into_parts();
        let close = parts
            .headers
            .get(CONNECTION)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"));
        let target = parts
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str());
        let head = Head {
            method: parts.method.as_str(),
            target,
            headers: &parts.headers,
            base_url: None,
        };
        let destination = || Destination::Body(self.socket.clone(), self.io.clone());
        let request_info = |transport, whole: bool| RequestInfo::Request {
            taken_id: self.taken_id,
            json: head.request_info(transport),
            whole: whole.then(|| head.whole()),
        };
        let reply = match plan(&service, &head, destination, request_info) {
            Plan::Reply(reply) => {
                self.http_conn.request_complete();
                reply
            }
            Plan::Body(plan) => {
                let bytes = collect(&mut body, service.context.options.max_message_size).await?;
                self.http_conn.request_complete();
                plan.finish(&service, bytes.as_deref()).await
            }
        };
        if let Reply::Stream { send_buffer, .. } = &reply {
            self.http_conn.answers_with(send_buffer);
        }
        let mut response = self.body(reply).await?;
        let close = close || response.headers().contains_key(CONNECTION);
        if !close {
            let headers = response.headers_mut();
            headers.insert(CONNECTION, HeaderValue::from_static("keep-alive"));
            if let Some(keep_alive) = self.installation.keep_alive() {
                headers.insert("keep-alive", keep_alive);
            }
        }
        Ok(response)
    }

    async fn body(&self, reply: Reply) -> io::Result<Response<Body>> {
        Ok(match reply {
            Reply::Full(response) => {
                let chunked = !response.headers().contains_key(CONTENT_LENGTH)
                    && !matches!(
                        response.status(),
                        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
                    );
                let http_conn = self.http_conn.clone();
                response.map(|bytes| {
                    if chunked {
                        Body::chunked(bytes, http_conn)
                    } else {
                        Body::full(bytes, http_conn)
                    }
                })
            }
            Reply::Stream {
                response,
                send_buffer,
                attachment,
            } => {
                // As Node does, sends the head together with the first bytes of the body.
                poll_fn(|cx| match send_buffer.poll_ready(cx) {
                    Poll::Pending if self.http_conn.is_client_gone() => {
                        Poll::Ready(Err(io::Error::from(io::ErrorKind::ConnectionAborted)))
                    }
                    ready => ready.map(Ok),
                })
                .await?;
                response.map(|()| Body::stream(send_buffer, attachment, self.http_conn.clone()))
            }
        })
    }
}

/// Gives the connection back or ends it, however its task ends.
struct Release {
    driver: Driver,
    end: End,
}

impl Drop for Release {
    fn drop(&mut self) {
        let Driver {
            runtime,
            socket,
            taken_id,
            ..
        } = &self.driver;
        runtime.taken.remove(*taken_id);
        if std::thread::panicking()
            && let Some(service) = self.driver.http_conn.service()
        {
            service.context.log_fault();
        }
        let (bytes, fault) = match std::mem::replace(&mut self.end, End::Closed) {
            End::Foreign(bytes) => (Some(bytes), None),
            End::Fault(fault) => (Some(Vec::new()), Some(fault)),
            End::Closed => (None, None),
        };
        let traffic = socket.traffic();
        if let Some(bytes) = bytes
            && let Ok(fd) = socket.duplicate()
        {
            return runtime.events.push(Event::Returned(Returned {
                taken_id: *taken_id,
                fd,
                bytes,
                traffic,
                fault,
            }));
        }
        socket.shutdown();
        runtime.events.push(Event::Ended {
            taken_id: *taken_id,
            traffic,
        });
    }
}

/// Reads a body of at most `max` bytes; `None` for a longer one. Its rest is read and dropped, because a client that is
/// still sending would lose the answer when the connection closes. `requestTimeout` bounds the time.
async fn collect(body: &mut Incoming, max: usize) -> io::Result<Option<Vec<u8>>> {
    /// Bytes that are allocated before they arrive, at most.
    const MAX_RESERVED: u64 = 64 << 10;
    let announced = body.size_hint().lower();
    let mut too_long = usize::try_from(announced).map_or(true, |announced| announced > max);
    let reserved = if too_long {
        0
    } else {
        announced.min(MAX_RESERVED)
    };
    let mut bytes = Vec::with_capacity(usize::try_from(reserved).unwrap_or(0));
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
        let data: Bytes = match frame.map_err(io::Error::other)?.into_data() {
            Ok(data) => data,
            Err(_) => continue,
        };
        if too_long || bytes.len() + data.len() > max {
            too_long = true;
            bytes = Vec::new();
        } else {
            bytes.extend_from_slice(&data);
        }
    }
    Ok((!too_long).then_some(bytes))
}
