//! The same types where sockets cannot be taken from Node. None of them exists: all requests come over the bridge.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll};

use super::{PollCount, Source, Traffic};

/// Never exists.
#[derive(Debug)]
pub enum Descriptor {}

impl Descriptor {
    /// Unreachable.
    pub fn into_number(self) -> u32 {
        match self {}
    }
}

/// Never exists.
#[derive(Debug)]
pub enum Socket {}

impl Socket {
    /// Always fails, so the methods below are unreachable.
    pub fn duplicate_of(_fd: i32) -> io::Result<Arc<Self>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Unreachable.
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

/// Never exists.
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

    /// Does nothing.
    pub fn clear(&self) {}

    /// Finds nothing.
    pub fn poll_once(&self) -> PollCount {
        PollCount::default()
    }

    /// Does nothing.
    #[expect(clippy::unused_async, reason = "the reactor with sockets is async")]
    pub async fn serve(&self, _is_in_charge: impl Fn() -> bool) {}
}
