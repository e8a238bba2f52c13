//! The fast door: sockets taken from Node's http server, served from their first bytes to their last.

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
use super::exchange::{Exchange, Expired};
use super::gate::{Gate, Verdict, judge};
use super::host::Host;
use crate::server::dispatch::{Head, Plan, Reply};
use crate::server::events::{Event, Facts};
use crate::server::io::Io;
use crate::server::outlet::Carrier;
use crate::server::socket::{Polled, Socket};
use crate::server::taken::{Fault, Returned, Standing};
use crate::server::{Engine, Service, websocket};
use crate::{contain, may_panic};

fn register(engine: &Engine, fd: i32) -> io::Result<(Polled, Arc<Io>)> {
    let io = engine.next_io();
    let _entered = io.handle().enter();
    Ok((Polled::new(Socket::duplicate_of(fd)?)?, io.clone()))
}

/// Takes a websocket whose handshake has been accepted. `head` is what Node has read past it.
pub fn take_websocket(
    service: &Arc<Service>,
    fd: i32,
    token: u32,
    kind: websocket::Kind,
    response: &[u8],
    head: &[u8],
) -> io::Result<()> {
    let socket = Socket::duplicate_of(fd)?;
    let open = || websocket::open_taken(service, &socket, token, kind, response, head);
    if contain(open).is_none() {
        // The bridge could not go on with what has been begun: the websocket counts as taken, and is over.
        socket.shutdown();
        service.engine.taken.remove(token);
        service.engine.events.push(Event::Ended {
            token,
            traffic: socket.traffic(),
        });
        service.log_fault();
    }
    Ok(())
}

/// Takes an HTTP connection whose current request is all of `read`, if that request is ours and plain.
/// False leaves everything as it was.
pub fn take_http(engine: &Arc<Engine>, host: &Arc<Host>, fd: i32, token: u32, read: &[u8]) -> bool {
    contain(|| begin_http(engine, host, fd, token, read)).unwrap_or_else(|| {
        // What was duplicated is closed again, and Node has its own descriptor still.
        engine.taken.remove(token);
        false
    })
}

fn begin_http(engine: &Arc<Engine>, host: &Arc<Host>, fd: i32, token: u32, read: &[u8]) -> bool {
    match judge(read, host) {
        Verdict::Ours(_, len) if len == read.len() => {}
        _ => return false,
    }
    let Ok((polled, io)) = register(engine, fd) else {
        return false;
    };
    may_panic("take");
    let socket = polled.socket().clone();
    let standing = Arc::new(Standing::default());
    engine
        .taken
        .add_http(token, &socket, host.id(), standing.clone());
    let exchange = Arc::new(Exchange::new(host.clone(), standing));
    let gate = Gate::new(polled, host.clone(), exchange.clone(), read);
    let driver = Driver {
        engine: engine.clone(),
        host: host.clone(),
        socket,
        exchange,
        io: io.clone(),
        token,
    };
    io.handle().spawn(driver.run(gate));
    true
}

/// Serves one taken HTTP connection.
struct Driver {
    engine: Arc<Engine>,
    host: Arc<Host>,
    socket: Arc<Socket>,
    exchange: Arc<Exchange>,
    io: Arc<Io>,
    token: u32,
}

/// How serving a connection ended.
enum End {
    /// Its next request is Node's.
    Foreign(Vec<u8>),
    /// Node reports what is wrong with it.
    Fault(Fault),
    /// It is over.
    Closed,
}

impl Driver {
    async fn run(self, gate: Gate) {
        let mut release = Release {
            driver: self,
            end: End::Closed,
        };
        // Clients that went before this one came are seen to go first, as where one thread does both: the
        // name of their session may be what it asks for.
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
                self.exchange.wakes(cx.waker());
            }
            loop {
                if connection.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(None);
                }
                let Some((at, then)) = self.exchange.deadline() else {
                    return Poll::Pending;
                };
                // A deadline that moved later costs nothing: the alarm rings early and is set again.
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
            None => match self.exchange.take_foreign() {
                Some(bytes) => End::Foreign(bytes),
                None => self.exchange.take_fault().map_or(End::Closed, End::Fault),
            },
        }
    }

    async fn respond(&self, request: Request<Incoming>) -> io::Result<Response<Body>> {
        may_panic("respond");
        // Each request brings JavaScript something, a line for the log at least.
        self.engine.events.room().await;
        let Some(service) = self.exchange.service() else {
            return Err(io::Error::other(
                "the gate names the service before it opens",
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
        let carrier = || Carrier::Body(self.socket.clone(), self.io.clone());
        let facts = |transport, whole: bool| Facts::Request {
            token: self.token,
            json: head.facts(transport),
            whole: whole.then(|| head.whole()),
        };
        let reply = match service.plan(&head, carrier, facts) {
            Plan::Reply(reply) => {
                self.exchange.request_complete();
                reply
            }
            Plan::Body(plan) => {
                let bytes = collect(&mut body, service.options.max_message_size).await?;
                self.exchange.request_complete();
                plan.finish(&service, bytes.as_deref()).await
            }
        };
        if let Reply::Stream { outlet, .. } = &reply {
            self.exchange.answers_with(outlet);
        }
        let mut response = self.body(reply).await?;
        let close = close || response.headers().contains_key(CONNECTION);
        if !close {
            let headers = response.headers_mut();
            headers.insert(CONNECTION, HeaderValue::from_static("keep-alive"));
            if let Some(keep_alive) = self.host.keep_alive() {
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
                let exchange = self.exchange.clone();
                response.map(|bytes| {
                    if chunked {
                        Body::chunked(bytes, exchange)
                    } else {
                        Body::full(bytes, exchange)
                    }
                })
            }
            Reply::Stream {
                response,
                outlet,
                attachment,
            } => {
                // Node sends the head together with the first bytes of the body; so do we.
                poll_fn(|cx| match outlet.poll_ready(cx) {
                    Poll::Pending if self.exchange.is_client_gone() => {
                        Poll::Ready(Err(io::Error::from(io::ErrorKind::ConnectionAborted)))
                    }
                    ready => ready.map(Ok),
                })
                .await?;
                response.map(|()| Body::stream(outlet, attachment, self.exchange.clone()))
            }
        })
    }
}

/// Gives the connection back or ends it, whatever way its task ends.
struct Release {
    driver: Driver,
    end: End,
}

impl Drop for Release {
    fn drop(&mut self) {
        let Driver {
            engine,
            socket,
            token,
            ..
        } = &self.driver;
        engine.taken.remove(*token);
        if std::thread::panicking()
            && let Some(service) = self.driver.exchange.service()
        {
            service.log_fault();
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
            return engine.events.push(Event::Returned(Returned {
                token: *token,
                fd,
                bytes,
                traffic,
                fault,
            }));
        }
        socket.shutdown();
        engine.events.push(Event::Ended {
            token: *token,
            traffic,
        });
    }
}

/// Reads a body of at most `max` bytes; `None` for a longer one, whose rest is read and dropped: a client
/// that is still sending would lose the answer when the connection closes. `requestTimeout` bounds it.
async fn collect(body: &mut Incoming, max: usize) -> io::Result<Option<Vec<u8>>> {
    const FIRST: u64 = 64 << 10;
    let announced = body.size_hint().lower();
    let mut too_long = usize::try_from(announced).map_or(true, |announced| announced > max);
    let first = if too_long { 0 } else { announced.min(FIRST) };
    let mut bytes = Vec::with_capacity(usize::try_from(first).unwrap_or(0));
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
