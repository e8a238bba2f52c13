//! The sessions of one `Server` object and prefix, by the name in their URL.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::connection::{CloseListener, Connection, SessionName};
use super::context::Context;
use super::runtime::{Runtime, StopListener};
use crate::lock;

/// The services of one `Server` that have the same prefix share one registry. Others do not see its sessions.
#[derive(Debug, Default)]
pub struct Registry {
    // A std Mutex: never held across an await, nor while waiting for a connection's lock.
    sessions: Mutex<HashMap<Box<str>, Arc<Connection>>>,
}

impl Registry {
    /// A registry without sessions.
    pub fn new(runtime: &Runtime) -> Arc<Self> {
        let registry = Arc::new(Self::default());
        let listener = Arc::downgrade(&registry);
        runtime.listen_for_stop(listener);
        registry
    }

    /// The session of this name.
    pub fn get(&self, id: &str) -> Option<Arc<Connection>> {
        lock(&self.sessions).get(id).cloned()
    }

    /// The session of this name. If it does not exist, it is made, for a service with this `context`.
    pub fn get_or_insert(self: &Arc<Self>, id: &str, context: &Arc<Context>) -> Arc<Connection> {
        let mut sessions = lock(&self.sessions);
        if let Some(connection) = sessions.get(id) {
            return connection.clone();
        }
        let name = SessionName {
            id: id.into(),
            registry: self.clone(),
        };
        let connection = Connection::new(context.clone(), Some(name), Instant::now());
        sessions.insert(id.into(), connection.clone());
        connection
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        lock(&self.sessions).len()
    }

    /// Whether there are no sessions.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl CloseListener for Registry {
    fn closed(&self, id: &str, key: u32) {
        let mut sessions = lock(&self.sessions);
        if sessions
            .get(id)
            .is_some_and(|connection| connection.key() == key)
        {
            sessions.remove(id);
        }
    }
}

impl StopListener for Registry {
    fn stopped(&self) {
        // Dropping the last reference to a connection may end it, so this happens without the lock.
        let sessions = std::mem::take(&mut *lock(&self.sessions));
        drop(sessions);
    }
}
