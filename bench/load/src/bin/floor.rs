//! Echo servers without JavaScript, with the usual crates: the lower bound for the cost on this machine.
//!
//! `floor tungstenite` speaks raw websocket and `SockJS` framing, `floor hyper` answers `/info` and
//! xhr-polling. Both listen on a free port, print it, and run on one thread until they are killed.

use anyhow::{Result, bail};

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("tungstenite") => websocket::serve(),
        Some("hyper") => http::serve(),
        _ => bail!("usage: floor tungstenite|hyper"),
    }
}

/// tungstenite with one epoll. One write answers everything that one read has brought.
mod websocket {
    use anyhow::{Context, Result, anyhow};
    use mio::net::{TcpListener, TcpStream};
    use mio::{Events, Interest, Poll, Token};
    use std::borrow::Cow;
    use std::collections::HashMap;
    use std::io::{ErrorKind, Write};
    use tungstenite::handshake::server::{Request, Response};
    use tungstenite::protocol::WebSocketConfig;
    use tungstenite::{Error, Message, Utf8Bytes, WebSocket};

    /// A connection that has not sent its handshake, or an open one.
    enum Connection {
        New(Option<TcpStream>),
        Raw(WebSocket<TcpStream>),
        SockJs(WebSocket<TcpStream>),
    }

    const LISTENER: Token = Token(0);

    pub(crate) fn serve() -> Result<()> {
        let mut poll = Poll::new()?;
        let mut listener = TcpListener::bind(([127, 0, 0, 1], 0).into())?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        println!("{}", listener.local_addr()?.port());
        std::io::stdout().flush()?;
        let mut connections = HashMap::new();
        let mut events = Events::with_capacity(1024);
        let mut next = 1;
        loop {
            poll.poll(&mut events, None)?;
            for event in &events {
                if event.token() == LISTENER {
                    while let Ok((mut stream, _)) = listener.accept() {
                        stream.set_nodelay(true)?;
                        let interest = Interest::READABLE | Interest::WRITABLE;
                        poll.registry()
                            .register(&mut stream, Token(next), interest)?;
                        connections.insert(next, Connection::New(Some(stream)));
                        next += 1;
                    }
                    continue;
                }
                let key = event.token().0;
                // An error ends its connection; the load generator reports it.
                if connections
                    .get_mut(&key)
                    .is_some_and(|connection| ready(connection, event.is_readable()).is_err())
                {
                    connections.remove(&key);
                }
            }
        }
    }

    fn ready(connection: &mut Connection, readable: bool) -> Result<()> {
        if let Connection::New(stream) = connection {
            if !readable {
                return Ok(());
            }
            *connection = handshake(stream.take().context("a handshake has failed")?)?;
        }
        match connection {
            Connection::New(_) => Ok(()),
            Connection::Raw(socket) => pump(socket, Ok),
            Connection::SockJs(socket) => pump(socket, |text| {
                let messages: Vec<Cow<'_, str>> = serde_json::from_str(&text)?;
                let mut frame = b"a".to_vec();
                serde_json::to_writer(&mut frame, &messages)?;
                Ok(Utf8Bytes::try_from(frame)?)
            }),
        }
    }

    #[expect(
        clippy::result_large_err,
        reason = "tungstenite's callback has this type"
    )]
    /// The load generator sends the request in one segment, so one read gets all of it or nothing.
    fn handshake(stream: TcpStream) -> Result<Connection> {
        let mut raw = true;
        let path = |request: &Request, response: Response| {
            // /echo/websocket or /echo/<server>/<session>/websocket
            raw = request.uri().path().matches('/').count() == 2;
            Ok(response)
        };
        let config = WebSocketConfig::default().read_buffer_size(16 * 1024);
        let mut socket = tungstenite::accept_hdr_with_config(stream, path, Some(config))
            .map_err(|error| anyhow!("{error}"))?;
        if raw {
            return Ok(Connection::Raw(socket));
        }
        socket.send(Message::text("o"))?;
        Ok(Connection::SockJs(socket))
    }

    fn pump(
        socket: &mut WebSocket<TcpStream>,
        echo: impl Fn(Utf8Bytes) -> Result<Utf8Bytes>,
    ) -> Result<()> {
        let would_block = |error: &Error| matches!(error, Error::Io(error) if error.kind() == ErrorKind::WouldBlock);
        loop {
            match socket.read() {
                Ok(Message::Text(text)) => socket.write(Message::Text(echo(text)?))?,
                Ok(_) => {}
                Err(error) if would_block(&error) => break,
                Err(error) => return Err(error.into()),
            }
        }
        match socket.flush() {
            Err(error) if !would_block(&error) => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// hyper on a tokio runtime of one thread.
mod http {
    use anyhow::Result;
    use bytes::Bytes;
    use http_body_util::{BodyExt, Full};
    use hyper::body::Incoming;
    use hyper::{Request, Response, StatusCode};
    use hyper_util::rt::TokioIo;
    use std::cell::RefCell;
    use std::collections::HashMap;
    use std::convert::Infallible;
    use std::io::Write;
    use std::rc::Rc;
    use tokio::net::TcpListener;
    use tokio::sync::oneshot;

    /// A session of xhr-polling: the messages that wait for a poll, or the poll that waits for messages.
    #[derive(Default)]
    struct Session {
        messages: Vec<String>,
        poll: Option<oneshot::Sender<String>>,
    }

    type Sessions = Rc<RefCell<HashMap<String, Session>>>;

    pub(crate) fn serve() -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()?;
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            println!("{}", listener.local_addr()?.port());
            std::io::stdout().flush()?;
            let sessions = Sessions::default();
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                let sessions = sessions.clone();
                tokio::task::spawn_local(async move {
                    let service = hyper::service::service_fn(|request| {
                        let sessions = sessions.clone();
                        async move { Ok::<_, Infallible>(answer(request, sessions).await) }
                    });
                    // An error ends its connection; the load generator reports it.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        })
    }

    async fn answer(request: Request<Incoming>, sessions: Sessions) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let path = head.uri.path();
        if path.ends_with("/info") {
            let entropy = std::process::id();
            return respond(
                StatusCode::OK,
                format!(
                    r#"{{"websocket":true,"origins":["*:*"],"cookie_needed":false,"entropy":{entropy}}}"#
                ),
            );
        }
        let (session, endpoint) = path.rsplit_once('/').unwrap_or_default();
        let Ok(body) = body.collect().await else {
            return respond(StatusCode::BAD_REQUEST, String::new());
        };
        if endpoint == "xhr_send" {
            let Ok(mut messages) = serde_json::from_slice::<Vec<String>>(&body.to_bytes()) else {
                return respond(StatusCode::INTERNAL_SERVER_ERROR, String::new());
            };
            if let Some(session) = sessions.borrow_mut().get_mut(session) {
                session.messages.append(&mut messages);
                if let Some(poll) = session.poll.take() {
                    let _ = poll.send(frame(&mut session.messages));
                }
            }
            return respond(StatusCode::NO_CONTENT, String::new());
        }
        let poll = {
            let mut sessions = sessions.borrow_mut();
            let Some(session) = sessions.get_mut(session) else {
                sessions.insert(session.to_owned(), Session::default());
                return respond(StatusCode::OK, "o\n".to_owned());
            };
            if !session.messages.is_empty() {
                return respond(StatusCode::OK, frame(&mut session.messages));
            }
            let (poll, frame) = oneshot::channel();
            session.poll = Some(poll);
            frame
        };
        respond(StatusCode::OK, poll.await.unwrap_or_default())
    }

    fn frame(messages: &mut Vec<String>) -> String {
        let array = serde_json::to_string(messages).unwrap_or_default();
        messages.clear();
        format!("a{array}\n")
    }

    fn respond(status: StatusCode, body: String) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::from(body));
        *response.status_mut() = status;
        response
    }
}
