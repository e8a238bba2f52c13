//! Websockets: the handshake's outcome, and the task that reads a taken socket.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Instant;

use super::connection::Connection;
use super::events::{Event, Facts};
use super::io::{Io, with_read_buffer};
use super::outlet::{Carrier, Outlet};
use super::service::Service;
use super::socket::Socket;
use crate::protocol::json;
use crate::protocol::websocket::{Decoder, Incoming};
use crate::transport::Transport;

/// The receiving side of one websocket.
#[derive(Debug)]
pub struct Reader {
    connection: Arc<Connection>,
    raw: bool,
    decoder: Decoder,
}

impl Reader {
    /// Opens a connection on an accepted handshake: writes the `response`, then what the transport
    /// begins with. JavaScript has the request under `id`.
    pub fn open(
        service: &Arc<Service>,
        outlet: &Arc<Outlet>,
        raw: bool,
        response: &[u8],
        id: u32,
    ) -> Self {
        let transport = if raw {
            Transport::WebsocketRaw
        } else {
            Transport::Websocket
        };
        let connection = Connection::new(service.clone(), None, Instant::now());
        outlet.write(&service.engine, |out| out.extend_from_slice(response));
        connection.attach_websocket(outlet, transport, Facts::Node { id, transport });
        let decoder = Decoder::new(service.options.max_frame_size);
        Self {
            connection,
            raw,
            decoder,
        }
    }

    /// The connection that the messages are for.
    pub fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// Bytes from the client, which are unmasked in place.
    pub fn feed(&mut self, bytes: &mut [u8]) {
        let mut to = Receiver {
            connection: &self.connection,
            raw: self.raw,
        };
        self.decoder.feed(bytes, &mut to);
    }

    /// The client's connection ended.
    pub fn end(&mut self) {
        self.connection.handle_end();
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.connection.handle_end();
    }
}

/// Hands what the decoder finds to the connection.
struct Receiver<'a> {
    connection: &'a Arc<Connection>,
    raw: bool,
}

impl Receiver<'_> {
    fn payload(&self, text: &str, as_array: bool) {
        let decoded = self
            .connection
            .receive(|inbox| json::decode_websocket(text, as_array, inbox));
        if decoded.is_err() {
            self.connection.handle_broken_framing();
        }
    }
}

impl Incoming for Receiver<'_> {
    fn text(&mut self, text: &str) {
        if self.raw {
            let _: Result<(), ()> = self.connection.receive(|inbox| {
                inbox.text(text);
                Ok(())
            });
        } else {
            self.payload(text, true);
        }
    }

    fn binary(&mut self, bytes: &[u8]) {
        if self.raw {
            let _: Result<(), ()> = self.connection.receive(|inbox| {
                inbox.binary(bytes);
                Ok(())
            });
        } else {
            // sockjs 0.3.24 parses the bytes as JSON, and always as one message.
            self.payload(&String::from_utf8_lossy(bytes), false);
        }
    }

    fn ping(&mut self, payload: &[u8]) {
        self.connection.handle_ping(payload);
    }

    fn pong(&mut self, payload: &[u8]) {
        self.connection.handle_pong(payload);
    }

    fn violation(&mut self, code: u16, reason: &str) {
        self.connection.handle_violation(code, reason);
    }

    fn close(&mut self, code: u16, reason: &str) {
        self.connection.handle_close(code, reason);
    }
}

/// Opens a websocket on a socket taken from Node. `head` is what Node had read past the handshake.
pub fn open_taken(
    service: &Arc<Service>,
    io: &Arc<Io>,
    socket: Arc<Socket>,
    token: u32,
    raw: bool,
    response: &[u8],
    head: &[u8],
) {
    service.engine.taken.add_websocket(token, &socket);
    let outlet = Outlet::new(Carrier::Socket(socket.clone(), io.clone()));
    let reader = Reader::open(service, &outlet, raw, response, token);
    let end = End {
        service: service.clone(),
        token,
    };
    io.handle().spawn(read(reader, socket, head.to_vec(), end));
}

/// Tells JavaScript that the token is to be destroyed, however the task ends.
struct End {
    service: Arc<Service>,
    token: u32,
}

impl Drop for End {
    fn drop(&mut self) {
        self.service.engine.taken.remove(self.token);
        self.service.engine.events.push(Event::Ended(self.token));
    }
}

async fn read(reader: Reader, socket: Arc<Socket>, mut head: Vec<u8>, end: End) {
    // Dropped in this order: the connection ends before its socket's token does.
    let _end = end;
    let mut reader = reader;
    // Data that came with the handshake is decoded before the first wait for more.
    reader.feed(&mut head);
    drop(head);
    loop {
        if !reader.connection.may_read_now() {
            reader.connection.may_read().await;
        }
        let read = poll_fn(|cx| {
            // The application may have paused while this waited: what has come now stays unread.
            if !reader.connection.may_read_now() {
                return Poll::Ready(Ok(None));
            }
            with_read_buffer(|buffer| {
                let read = ready!(socket.poll_read(cx, buffer))?;
                reader.feed(&mut buffer[..read]);
                Poll::Ready(io::Result::Ok(Some(read)))
            })
        });
        match read.await {
            Ok(Some(0)) | Err(_) => return,
            Ok(_) => {}
        }
    }
}
