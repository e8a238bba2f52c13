//! Where sockets cannot be taken from Node there are none; all clients come over the bridge.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll};

use super::{PollCount, Source, Traffic};

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
    pub fn try_read(&self, _buffer: &mut [u8]) -> io::Result<usize> {
        match *self {}
    }

    /// Unreachable.
    pub fn try_write(&self, _bytes: &[u8]) -> io::Result<usize> {
        match *self {}
    }

    /// Unreachable.
    pub fn try_write_parts(&self, _parts: &[io::IoSlice<'_>]) -> io::Result<usize> {
        match *self {}
    }

    /// Unreachable.
    pub fn has_ended(&self) -> bool {
        match *self {}
    }

    /// Unreachable.
    pub fn traffic(&self) -> Traffic {
        match *self {}
    }

    /// Unreachable.
    pub fn shutdown(&self) {
        match *self {}
    }

    /// Unreachable.
    pub fn shutdown_read(&self) {
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
}

/// Never made here.
#[derive(Debug)]
pub enum Polled {}

impl Polled {
    /// Unreachable.
    pub fn new(socket: Arc<Socket>) -> io::Result<Self> {
        match *socket {}
    }

    /// Unreachable.
    pub fn poll_read(&self, _cx: &mut Context<'_>, _to: &mut [u8]) -> Poll<io::Result<usize>> {
        match *self {}
    }

    /// Unreachable.
    pub fn poll_write(
        &self,
        _cx: &mut Context<'_>,
        _parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match *self {}
    }

    /// Unreachable.
    pub fn socket(&self) -> &Arc<Socket> {
        match *self {}
    }
}

/// Has no sockets.
#[derive(Debug)]
pub struct Reactor;

impl Reactor {
    /// A reactor without sockets.
    pub fn new() -> io::Result<Self> {
        Ok(Self)
    }

    /// Unreachable.
    pub fn add(&self, socket: &Socket, _source: Arc<dyn Source>) -> io::Result<()> {
        match *socket {}
    }

    /// Unreachable.
    pub fn watch_writable(&self, socket: &Socket) {
        match *socket {}
    }

    /// Unreachable.
    pub fn remove(&self, socket: &Socket) {
        match *socket {}
    }

    /// Nothing to let go of.
    pub fn clear(&self) {}

    /// Nothing is ever ready.
    pub fn poll_once(&self) -> PollCount {
        PollCount::default()
    }

    /// Nothing to serve.
    #[expect(clippy::unused_async, reason = "as where there are sockets")]
    pub async fn serve(&self, _is_in_charge: impl Fn() -> bool) {}
}
