//! The sockets that were taken from Node, by the token under which JavaScript keeps their places.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};

use super::socket::{Descriptor, Socket};
use crate::lock;

/// A taken HTTP connection on its way back to Node.
#[derive(Debug)]
pub struct Returned {
    /// Its token.
    pub token: u32,
    /// A descriptor of the connection.
    pub fd: Descriptor,
    /// Bytes that have been read from it and are Node's to parse.
    pub bytes: Vec<u8>,
}

/// Whether a taken HTTP connection waits for its next request.
#[derive(Clone, Debug, Default)]
pub struct Idle(Arc<AtomicBool>);

impl Idle {
    /// Says so.
    pub fn set(&self, idle: bool) {
        self.0.store(idle, Ordering::Relaxed);
    }

    fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug)]
struct Entry {
    socket: Weak<Socket>,
    /// The http server it came from and whether it is idle; websockets are never closed as idle.
    http: Option<(u32, Idle)>,
}

/// All taken sockets of an engine.
#[derive(Debug, Default)]
pub struct Taken {
    // A std Mutex: never held across an await.
    sockets: Mutex<HashMap<u32, Entry>>,
}

impl Taken {
    /// Remembers a websocket's socket.
    pub fn add_websocket(&self, token: u32, socket: &Arc<Socket>) {
        let entry = Entry {
            socket: Arc::downgrade(socket),
            http: None,
        };
        lock(&self.sockets).insert(token, entry);
    }

    /// Remembers an HTTP connection of the http server `host`.
    pub fn add_http(&self, token: u32, socket: &Arc<Socket>, host: u32, idle: Idle) {
        let entry = Entry {
            socket: Arc::downgrade(socket),
            http: Some((host, idle)),
        };
        lock(&self.sockets).insert(token, entry);
    }

    /// Forgets a socket that has ended or gone back.
    pub fn remove(&self, token: u32) {
        lock(&self.sockets).remove(&token);
    }

    /// JavaScript has destroyed the token: the connection ends.
    pub fn abandon(&self, token: u32) {
        let entry = lock(&self.sockets).remove(&token);
        if let Some(socket) = entry.and_then(|entry| entry.socket.upgrade()) {
            socket.shutdown();
        }
    }

    /// How many reads and writes a socket has seen; wraps around.
    pub fn transfers(&self, token: u32) -> u32 {
        let sockets = lock(&self.sockets);
        let socket = sockets.get(&token).and_then(|entry| entry.socket.upgrade());
        socket.map_or(0, |socket| socket.transfers())
    }

    /// Ends the HTTP connections of an http server that wait for a request.
    pub fn close_idle(&self, host: u32) {
        for entry in lock(&self.sockets).values() {
            if let Some((of, idle)) = &entry.http
                && *of == host
                && idle.get()
                && let Some(socket) = entry.socket.upgrade()
            {
                socket.shutdown();
            }
        }
    }
}
