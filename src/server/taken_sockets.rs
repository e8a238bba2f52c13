//! The sockets that were taken from Node, by the id under which JavaScript keeps their places.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::task::Waker;

use super::send_buffer::SendBuffer;
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

/// Where a taken HTTP connection stands, as far as `closeIdleConnections` asks.
#[derive(Debug, Default)]
pub struct Standing {
    /// It waits for its next request.
    idle: AtomicBool,
    /// The response that goes on in time, if there is one.
    response: Mutex<Weak<SendBuffer>>,
    /// The task that serves it.
    task: OnceLock<Waker>,
}

impl Standing {
    /// Whether it waits for its next request.
    pub fn set_idle(&self, idle: bool) {
        self.idle.store(idle, Ordering::Relaxed);
    }

    /// The response goes on in time, through this send buffer.
    pub fn answers_with(&self, send_buffer: &Arc<SendBuffer>) {
        *lock(&self.response) = Arc::downgrade(send_buffer);
    }

    /// The send buffer of that response, unless it is over.
    pub fn response(&self) -> Option<Arc<SendBuffer>> {
        lock(&self.response).upgrade()
    }

    /// The task that serves it.
    pub fn wakes(&self, task: &Waker) {
        self.task.get_or_init(|| task.clone());
    }

    fn is_idle(&self) -> bool {
        self.idle.load(Ordering::Relaxed)
    }

    /// Whether the application has ended the response, though all of it may not have left.
    fn is_answered(&self) -> bool {
        self.response()
            .is_some_and(|send_buffer| send_buffer.has_ended())
    }
}

#[derive(Debug)]
struct Entry {
    socket: Weak<Socket>,
    /// The http server it came from and where it stands; websockets are never closed as idle.
    http: Option<(u32, Arc<Standing>)>,
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

    /// Remembers an HTTP connection of an installation.
    pub fn add_http(
        &self,
        taken_id: u32,
        socket: &Arc<Socket>,
        installation: u32,
        standing: Arc<Standing>,
    ) {
        let entry = Entry {
            socket: Arc::downgrade(socket),
            http: Some((installation, standing)),
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

    /// The time limits of an http server have changed: its connections look at theirs again.
    pub fn wake(&self, installation: u32) {
        for entry in lock(&self.sockets).values() {
            if let Some((of, standing)) = &entry.http
                && *of == installation
                && let Some(task) = standing.task.get()
            {
                task.wake_by_ref();
            }
        }
    }

    /// Ends the HTTP connections of an http server that wait for a request, at once or when the response
    /// has left that the application has ended already: to it that one is over.
    pub fn close_idle(&self, installation: u32) {
        for entry in lock(&self.sockets).values() {
            if let Some((of, standing)) = &entry.http
                && *of == installation
                && let Some(socket) = entry.socket.upgrade()
            {
                if standing.is_idle() {
                    socket.shutdown();
                } else if standing.is_answered() {
                    // As if the client had closed its side: what is complete still goes to it.
                    socket.shutdown_read();
                }
            }
        }
    }
}
