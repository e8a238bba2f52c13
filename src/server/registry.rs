//! The sessions of one `Server` object and prefix, by the name in their URL.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::connection::Connection;
use crate::lock;

/// The services of one `Server` that have the same prefix share one registry. Others do not see its sessions.
#[derive(Debug, Default)]
pub struct Registry {
    // A std Mutex: never held across an await, nor while waiting for a connection's lock.
    sessions: Mutex<HashMap<Box<str>, Arc<Connection>>>,
}

impl Registry {
    /// The session of this name.
    pub fn get(&self, id: &str) -> Option<Arc<Connection>> {
        lock(&self.sessions).get(id).cloned()
    }

    /// The session of this name. `make` creates it if it does not exist.
    pub fn get_or_insert(
        &self,
        id: &str,
        make: impl FnOnce() -> Arc<Connection>,
    ) -> Arc<Connection> {
        let mut sessions = lock(&self.sessions);
        if let Some(connection) = sessions.get(id) {
            return connection.clone();
        }
        let connection = make();
        sessions.insert(id.into(), connection.clone());
        connection
    }

    /// Removes the session `id` if it is still the one with this `key`.
    pub fn remove(&self, id: &str, key: u32) {
        let mut sessions = lock(&self.sessions);
        if sessions
            .get(id)
            .is_some_and(|connection| connection.key() == key)
        {
            sessions.remove(id);
        }
    }

    /// Removes all sessions, at the end of the environment.
    pub fn clear(&self) {
        // Dropping the last reference to a connection may end it, so this happens without the lock.
        let sessions = std::mem::take(&mut *lock(&self.sessions));
        drop(sessions);
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
