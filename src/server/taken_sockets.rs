//! The sockets that were taken from Node, by the id under which JavaScript keeps their places.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, Weak};

use super::socket::{Descriptor, Socket, Traffic};
use crate::lock;

/// A taken HTTP connection on its way back to Node.
#[derive(Debug)]
pub struct Returned {
    /// Its id.
    pub taken_id: u32,
    /// A descriptor of the connection.
    pub fd: Descriptor,
    /// Bytes that have been read from it and are Node's to parse.
    pub bytes: Vec<u8>,
    /// What it has read and written since it was taken.
    pub traffic: Traffic,
    /// Why Node cannot go on with it, if it cannot.
    pub fault: Option<Fault>,
}

/// What is wrong with a taken HTTP connection, for Node to say and to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A request has taken longer than `headersTimeout` or `requestTimeout` allow.
    RequestTimeout,
    /// The client has closed its side in the middle of a body.
    UnexpectedEnd,
    /// Reading from it has failed with this number of the system: the client has reset it, for one.
    Read(i32),
}

impl Fault {
    /// How JavaScript is told: errors of reading are below zero, as Node has them.
    pub fn code(self) -> i32 {
        match self {
            Self::RequestTimeout => 1,
            Self::UnexpectedEnd => 2,
            Self::Read(number) => -number,
        }
    }
}

/// A taken HTTP connection, as far as its http server asks for it.
pub trait HttpConnection: fmt::Debug + Send + Sync {
    /// The http server that it came from.
    fn installation(&self) -> u32;

    /// Whether it waits for its next request.
    fn is_idle(&self) -> bool;

    /// Whether the application has ended the response, though all of it may not have left.
    fn is_answered(&self) -> bool;

    /// Has it look at its deadlines.
    fn wake(&self);
}

#[derive(Debug)]
struct Entry {
    socket: Weak<Socket>,
    /// Websockets have none: they are never closed as idle.
    http: Option<Arc<dyn HttpConnection>>,
}

/// All taken sockets of a runtime.
#[derive(Debug, Default)]
pub struct TakenSockets {
    // A std Mutex: never held across an await.
    sockets: Mutex<HashMap<u32, Entry>>,
}

impl TakenSockets {
    /// Remembers a websocket's socket.
    pub fn add_websocket(&self, taken_id: u32, socket: &Arc<Socket>) {
        let entry = Entry {
            socket: Arc::downgrade(socket),
            http: None,
        };
        lock(&self.sockets).insert(taken_id, entry);
    }

    /// Remembers an HTTP connection.
    pub fn add_http(&self, taken_id: u32, socket: &Arc<Socket>, http: Arc<dyn HttpConnection>) {
        let entry = Entry {
            socket: Arc::downgrade(socket),
            http: Some(http),
        };
        lock(&self.sockets).insert(taken_id, entry);
    }

    /// Forgets a socket that has ended or gone back.
    pub fn remove(&self, taken_id: u32) {
        lock(&self.sockets).remove(&taken_id);
    }

    /// JavaScript has destroyed its socket: the connection ends.
    pub fn abandon(&self, taken_id: u32) {
        let entry = lock(&self.sockets).remove(&taken_id);
        if let Some(socket) = entry.and_then(|entry| entry.socket.upgrade()) {
            socket.shutdown();
        }
    }

    /// How many bytes a socket has read and written.
    pub fn traffic(&self, taken_id: u32) -> Traffic {
        let sockets = lock(&self.sockets);
        let socket = sockets
            .get(&taken_id)
            .and_then(|entry| entry.socket.upgrade());
        socket.map_or(Traffic::default(), |socket| socket.traffic())
    }

    /// The time limits of an http server have changed: its connections look at their deadlines again.
    pub fn wake(&self, installation: u32) {
        for (http, _) in self.of_installation(installation) {
            http.wake();
        }
    }

    /// Ends the HTTP connections of an http server that wait for a request, at once or when the response
    /// has left that the application has ended already: to it that one is over.
    pub fn close_idle(&self, installation: u32) {
        for (http, socket) in self.of_installation(installation) {
            if http.is_idle() {
                socket.shutdown();
            } else if http.is_answered() {
                // As if the client had closed its side: what is complete still goes to it.
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
