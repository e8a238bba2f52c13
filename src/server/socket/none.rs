//! Where sockets cannot be taken from Node there are none; all clients come over the bridge.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::server::outlet::Outlet;

/// Never made here.
#[derive(Debug)]
pub enum Descriptor {}

impl Descriptor {
    /// Its number.
    pub fn into_number(self) -> u32 {
        match self {}
    }
}

/// Never made here.
#[derive(Debug)]
pub enum Socket {}

impl Socket {
    /// Fails: descriptors are not sockets here.
    pub fn duplicate_of(_fd: i32) -> io::Result<Arc<Self>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// See the module for Unix; so for the methods below.
    pub fn try_write(&self, _bytes: &[u8]) -> io::Result<usize> {
        match *self {}
    }

    /// Unreachable.
    pub fn transfers(&self) -> u32 {
        match *self {}
    }

    /// Unreachable.
    pub fn poll_read(&self, _cx: &mut Context<'_>, _to: &mut [u8]) -> Poll<io::Result<usize>> {
        match *self {}
    }

    /// Unreachable.
    pub fn poll_write(&self, _cx: &mut Context<'_>, _bytes: &[u8]) -> Poll<io::Result<usize>> {
        match *self {}
    }

    /// Unreachable.
    pub fn shutdown(&self) {
        match *self {}
    }

    /// Unreachable.
    pub fn shutdown_write(&self) {
        match *self {}
    }

    /// Unreachable.
    pub fn duplicate(&self) -> io::Result<Descriptor> {
        match *self {}
    }

    /// Unreachable.
    #[expect(clippy::unused_async, reason = "as where there are sockets")]
    pub async fn flush_when_writable(&self, _outlet: &Outlet) -> io::Result<()> {
        match *self {}
    }
}
