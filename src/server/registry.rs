//! The sessions of one `Server` object and prefix, by the name in their URL.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::connection::Connection;
use crate::lock;

/// Sessions are shared by all listeners of one `Server` with the same prefix, and by nobody else.
#[derive(Debug, Default)]
pub struct Registry {
    // A std Mutex: never held across an await, and never while a connection's lock is waited for.
    sessions: Mutex<HashMap<Box<str>, Arc<Connection>>>,
}

impl Registry {
    /// The session of this name.
    pub fn get(&self, id: &str) -> Option<Arc<Connection>> {
        lock(&self.sessions).get(id).cloned()
    }

    /// The session of this name, made if it is not there.
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

    /// Forgets the session `id` if it still is the connection `key`.
    pub fn remove(&self, id: &str, key: u32) {
        let mut sessions = lock(&self.sessions);
        if sessions
            .get(id)
            .is_some_and(|connection| connection.key() == key)
        {
            sessions.remove(id);
        }
    }

    /// Lets go of all sessions, at the end of the environment.
    pub fn clear(&self) {
        // Connections may end with the last who holds them: not under the lock.
        let sessions = std::mem::take(&mut *lock(&self.sessions));
        drop(sessions);
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        lock(&self.sessions).len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
