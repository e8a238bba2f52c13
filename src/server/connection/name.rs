//! The name of a session. Websockets have none.

use std::fmt;
use std::sync::Arc;

/// The name of a session in its URL, and the registry in which requests find it.
#[derive(Debug)]
pub struct SessionName {
    /// The name.
    pub id: Box<str>,
    /// Learns that the session has closed.
    pub registry: Arc<dyn CloseListener>,
}

/// Learns that a session with a name has closed.
pub trait CloseListener: fmt::Debug + Send + Sync {
    /// The session with this name and key has closed. Another one may already have the name, but not the key.
    fn closed(&self, id: &str, key: u32);
}
