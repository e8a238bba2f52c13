//! The receiving side of websockets, and the reading of those on taken sockets.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::connection::Connection;
use super::context::Context;
use super::events::{Event, RequestInfo};
use super::io::{Io, with_read_buffer};
use super::send_buffer::{Destination, SendBuffer};
use super::socket::{Socket, Source};
use crate::protocol::closing::{Cause, CloseFrame};
use crate::protocol::hixie;
use crate::protocol::json::{self, Messages};
use crate::protocol::rfc6455::{self, Incoming};
use crate::protocol::websocket_kind::WebsocketKind;
use crate::{lock, may_panic};

/// A websocket whose handshake has been accepted.
#[derive(Clone, Copy, Debug)]
pub struct Accepted<'a> {
    /// Of its service.
    pub context: &'a Arc<Context>,
    /// The protocols that it speaks.
    pub kind: WebsocketKind,
    /// The number under which JavaScript has its request, and its socket.
    pub id: u32,
    /// The `101`, as far as it has not been written.
    pub response: &'a [u8],
    /// The bytes after the handshake that Node has read.
    pub read: &'a [u8],
}

/// The receiving side of one websocket.
#[derive(Debug)]
pub struct Reader {
    connection: Arc<Connection>,
    raw: bool,
    decoder: Decoder,
}

#[derive(Debug)]
enum Decoder {
    Rfc6455(rfc6455::Decoder),
    Hixie76(hixie::Decoder),
}

impl Reader {
    /// Opens a connection: writes the response, and on SockJS websockets the `o` frame.
    pub fn open(accepted: &Accepted<'_>, send_buffer: &Arc<SendBuffer>) -> Self {
        let &Accepted {
            context, kind, id, ..
        } = accepted;
        let transport = kind.transport();
        let connection = Connection::new(context.clone(), None, Instant::now());
        send_buffer.write(|out| out.extend_from_slice(accepted.response));
        connection.attach_websocket(send_buffer, kind, RequestInfo::Node { id, transport });
        let max = context.options.max_frame_size;
        let decoder = match kind {
            WebsocketKind::Sockjs | WebsocketKind::Raw => {
                Decoder::Rfc6455(rfc6455::Decoder::new(max))
            }
            WebsocketKind::Hixie76 => Decoder::Hixie76(hixie::Decoder::new(max)),
        };
        Self {
            connection,
            raw: kind == WebsocketKind::Raw,
            decoder,
        }
    }

    /// The connection that receives the messages.
    pub fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// Decodes bytes from the client, and may unmask them in place.
    pub fn feed(&mut self, bytes: &mut [u8]) {
        let mut to = Receiver {
            connection: &self.connection,
            raw: self.raw,
        };
        match &mut self.decoder {
            Decoder::Rfc6455(decoder) => decoder.feed(bytes, &mut to),
            Decoder::Hixie76(decoder) => decoder.feed(bytes, &mut to),
        }
    }

    /// The client's connection ended.
    pub fn end(&mut self) {
        self.connection.end(Cause::ClientGone);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.connection.end(Cause::ClientGone);
    }
}

/// Passes what the decoder finds to the connection.
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
            self.connection.end(Cause::BrokenFraming);
        }
    }
}

impl Incoming for Receiver<'_> {
    fn ascii(&mut self, text: &[u8]) -> bool {
        if self.raw {
            return false;
        }
        let Some(message) = json::plain_element(text) else {
            return false;
        };
        let _: Result<(), ()> = self.connection.receive(|inbox| {
            inbox.ascii(message);
            Ok(())
        });
        true
    }

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
        let frame = CloseFrame::new(code, reason.as_bytes());
        self.connection.end(Cause::Violation(frame));
    }

    fn close(&mut self, code: u16, reason: &str) {
        let frame = CloseFrame::new(code, reason.as_bytes());
        self.connection.end(Cause::ClientClosed(frame));
    }
}

/// Opens a websocket on a socket taken from Node.
pub fn open_taken(accepted: &Accepted<'_>, socket: &Arc<Socket>) {
    let &Accepted {
        context,
        id: taken_id,
        ..
    } = accepted;
    let io = context.runtime.next_websocket_io();
    let send_buffer = SendBuffer::new(Destination::Socket(socket.clone(), io.clone()));
    let source = Arc::new(TakenWebsocket {
        context: context.clone(),
        io: io.clone(),
        socket: socket.clone(),
        send_buffer: send_buffer.clone(),
        taken_id,
        reading: Mutex::default(),
    });
    context.runtime.taken.add_websocket(taken_id, socket);
    let mut reader = Reader::open(accepted, &send_buffer);
    may_panic("open");
    // These bytes are decoded before more are read.
    reader.feed(&mut accepted.read.to_vec());
    lock(&source.reading).reader = Some(reader);
    if io.reactor().add(socket, source.clone()).is_err() {
        source.fail();
    }
}

/// A websocket on a socket that was taken from Node.
#[derive(Debug)]
struct TakenWebsocket {
    context: Arc<Context>,
    io: Arc<Io>,
    socket: Arc<Socket>,
    send_buffer: Arc<SendBuffer>,
    taken_id: u32,
    // A std Mutex: held while the bytes of one read are decoded, never across an await.
    reading: Mutex<Reading>,
}

#[derive(Debug, Default)]
struct Reading {
    /// `None` before the websocket is open, and when it has ended.
    reader: Option<Reader>,
    /// [`TakenWebsocket::read_on`] runs, and reads instead of the reactor.
    resumes: bool,
    /// The client has closed its side. The rest is read even while the application has paused the connection, so
    /// that the end is noticed.
    ended: bool,
}

/// Reads in a row before other connections and tasks of the thread continue.
const READS: usize = 4;

impl TakenWebsocket {
    /// Reads the bytes that have arrived. The reactor reports only new bytes, so this reads until a read does not fill
    /// the buffer, or until the end of a stream that has ended. [`TakenWebsocket::read_on`] continues after [`READS`]
    /// reads, or when reading is allowed again.
    fn read(self: &Arc<Self>, reading: &mut Reading) -> usize {
        may_panic("read");
        let mut total = 0;
        let mut reads = 0;
        // After the end of the stream, the kernel's buffer bounds what is left to read.
        while reads < READS || reading.ended {
            reads += 1;
            let Some(reader) = &mut reading.reader else {
                return total;
            };
            if !reader.connection.may_read_now() && !reading.ended {
                break;
            }
            let read = with_read_buffer(|buffer| {
                let read = self.socket.try_read(buffer)?;
                reader.feed(&mut buffer[..read]);
                Ok((read, read == buffer.len()))
            });
            match read {
                Ok((0, _)) => {
                    self.end(reading);
                    return total;
                }
                Ok((read, filled)) => {
                    total += read;
                    if !filled && !reading.ended {
                        return total;
                    }
                }
                Err(error) => match io::Error::kind(&error) {
                    io::ErrorKind::WouldBlock => return total,
                    io::ErrorKind::Interrupted => {}
                    _ => {
                        self.end(reading);
                        return total;
                    }
                },
            }
        }
        if !std::mem::replace(&mut reading.resumes, true) {
            self.io.handle().spawn(self.clone().read_on());
        }
        total
    }

    /// Continues to read, whenever that is allowed, until nothing is left.
    async fn read_on(self: Arc<Self>) {
        let _guard = FailOnPanic(self.clone());
        loop {
            let connection = {
                let reading = lock(&self.reading);
                let Some(reader) = &reading.reader else {
                    return;
                };
                reader.connection.clone()
            };
            connection.may_read().await;
            if self.read_again() {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// One read of [`TakenWebsocket::read_on`]. Returns true if nothing is left.
    fn read_again(&self) -> bool {
        may_panic("read-on");
        let reading = &mut *lock(&self.reading);
        let Some(reader) = &mut reading.reader else {
            return true;
        };
        if !reader.connection.may_read_now() && !reading.ended {
            return false;
        }
        let read = with_read_buffer(|buffer| {
            let read = self.socket.try_read(buffer)?;
            reader.feed(&mut buffer[..read]);
            Ok::<_, io::Error>(read)
        });
        match read.map_err(|error| error.kind()) {
            Err(io::ErrorKind::WouldBlock) => {
                reading.resumes = false;
                true
            }
            Err(io::ErrorKind::Interrupted) | Ok(1..) => false,
            Ok(0) | Err(_) => {
                self.end(reading);
                true
            }
        }
    }

    /// Ends the connection, and notifies JavaScript, which destroys its socket object.
    fn end(&self, reading: &mut Reading) {
        if let Some(reader) = reading.reader.take() {
            if self.send_buffer.has_failed() {
                reader.connection.end(Cause::Panic);
            }
            self.io.reactor().remove(&self.socket);
            drop(reader);
            let runtime = &self.context.runtime;
            runtime.taken.remove(self.taken_id);
            runtime.events.push(Event::Ended {
                taken_id: self.taken_id,
                traffic: self.socket.traffic(),
            });
        }
    }
}

/// Ends the connection if its task panics.
struct FailOnPanic(Arc<TakenWebsocket>);

impl Drop for FailOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail();
        }
    }
}

impl Source for TakenWebsocket {
    fn readable(self: Arc<Self>, ended: bool) -> usize {
        let mut reading = lock(&self.reading);
        reading.ended |= ended;
        if reading.resumes && !ended {
            return 0;
        }
        self.read(&mut reading)
    }

    fn writable(&self) {
        self.send_buffer.unblock();
    }

    fn fail(&self) {
        // Under the lock, because another thread that reads would take the end of the socket for the client's.
        let mut reading = lock(&self.reading);
        if let Some(reader) = &reading.reader {
            reader.connection.end(Cause::Panic);
        }
        self.socket.shutdown();
        self.end(&mut reading);
    }
}
