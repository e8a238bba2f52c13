//! The sockets that were taken from Node, by the id under which JavaScript keeps their socket objects.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, Weak};

use super::socket::{Descriptor, Socket, Traffic};
use crate::lock;

/// A taken HTTP connection that goes back to Node.
#[derive(Debug)]
pub struct Returned {
    /// Its id.
    pub taken_id: u32,
    /// A descriptor of the connection.
    pub fd: Descriptor,
    /// Bytes that have been read from it, and that Node has to parse.
    pub bytes: Vec<u8>,
    /// What it has read and written since it was taken.
    pub traffic: Traffic,
    /// Why Node has to end it, if it has to.
    pub fault: Option<Fault>,
}

/// An error on a taken HTTP connection, which Node reports, and for which it ends the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A request has taken longer than `headersTimeout` or `requestTimeout` allow.
    RequestTimeout,
    /// The client has closed its side in the middle of a body.
    UnexpectedEnd,
    /// Reading has failed with this `errno`, for example because the client has reset the connection.
    Read(i32),
}

/// A taken HTTP connection, as its http server needs it.
pub trait HttpConnection: fmt::Debug + Send + Sync {
    /// The id of its http server.
    fn installation(&self) -> u32;

    /// Whether it waits for its next request.
    fn is_idle(&self) -> bool;

    /// Whether the application has ended the response, though all of it may not have left.
    fn is_answered(&self) -> bool;

    /// Makes it check its deadlines again.
    fn wake(&self);
}

#[derive(Debug)]
struct Entry {
    socket: Weak<Socket>,
    /// `None` for websockets, which are never closed as idle.
    http: Option<Arc<dyn HttpConnection>>,
}

/// All taken sockets of a runtime.
#[derive(Debug, Default)]
pub struct TakenSockets {
    // A std Mutex: never held across an await.
    sockets: Mutex<HashMap<u32, Entry>>,
}

impl TakenSockets {
    /// Adds the socket of a websocket.
    pub fn add_websocket(&self, taken_id: u32, socket: &Arc<Socket>) {
        let entry = Entry {
            socket: Arc::downgrade(socket),
            http: None,
        };
        lock(&self.sockets).insert(taken_id, entry);
    }

    /// Adds an HTTP connection.
    pub fn add_http(&self, taken_id: u32, socket: &Arc<Socket>, http: Arc<dyn HttpConnection>) {
        let entry = Entry {
            socket: Arc::downgrade(socket),
            http: Some(http),
        };
        lock(&self.sockets).insert(taken_id, entry);
    }

    /// Removes a socket that has ended or gone back to Node.
    pub fn remove(&self, taken_id: u32) {
        lock(&self.sockets).remove(&taken_id);
    }

    /// Ends a connection whose socket object JavaScript has destroyed.
    pub fn abandon(&self, taken_id: u32) {
        let entry = lock(&self.sockets).remove(&taken_id);
        if let Some(socket) = entry.and_then(|entry| entry.socket.upgrade()) {
            socket.shutdown();
        }
    }

    /// The number of bytes that a socket has read and written.
    pub fn traffic(&self, taken_id: u32) -> Traffic {
        let sockets = lock(&self.sockets);
        let socket = sockets
            .get(&taken_id)
            .and_then(|entry| entry.socket.upgrade());
        socket.map_or(Traffic::default(), |socket| socket.traffic())
    }

    /// The time limits of an http server have changed, so its connections check their deadlines again.
    pub fn wake(&self, installation: u32) {
        for (http, _) in self.of_installation(installation) {
            http.wake();
        }
    }

    /// Ends the connections of an http server that wait for a request. A connection whose response the application
    /// has ended counts as one of these, and ends when the response has been sent.
    pub fn close_idle(&self, installation: u32) {
        for (http, socket) in self.of_installation(installation) {
            if http.is_idle() {
                socket.shutdown();
            } else if http.is_answered() {
                // As if the client had closed its side, after which a complete response is still sent.
                socket.shutdown_read();
            }
        }
    }

    fn of_installation(&self, installation: u32) -> Vec<(Arc<dyn HttpConnection>, Arc<Socket>)> {
        lock(&self.sockets)
            .values()
            .filter_map(|entry| Some((entry.http.clone()?, entry.socket.upgrade()?)))
            .filter(|(http, _)| http.installation() == installation)
            .collect()
    }
}
