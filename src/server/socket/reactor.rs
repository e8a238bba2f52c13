//! Finds out which websockets of one I/O thread are ready, and calls their owners.
//!
//! It has its own poll instance, not tokio's, so that the JavaScript thread can poll it, too: while few connections are
//! busy, a message that JavaScript itself reads costs no change of threads. One of the two threads calls
//! [`Reactor::poll_once`]: see `Io::set_driven_by_js`.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};
use tokio::io::unix::AsyncFd;

use super::unix::Socket;
use super::{PollCount, Source};
use crate::{catch_panic, lock};

/// A poll instance, and the owners of the sockets.
#[derive(Debug)]
pub struct Reactor {
    // A std Mutex: held while events are fetched, not while they are handled.
    poll: Mutex<(Poll, Events)>,
    registry: Registry,
    fd: RawFd,
    /// By descriptor. A std Mutex: held for look-ups only.
    sources: Mutex<HashMap<RawFd, Arc<dyn Source>>>,
}

/// The number of sockets in one poll at most.
const EVENTS: usize = 256;

impl Reactor {
    /// A reactor without sockets.
    pub fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        Ok(Self {
            registry: poll.registry().try_clone()?,
            fd: poll.as_raw_fd(),
            poll: Mutex::new((poll, Events::with_capacity(EVENTS))),
            sources: Mutex::default(),
        })
    }

    /// The descriptor of the poll instance. It is readable while a socket is ready, and open as long as the reactor
    /// exists.
    pub fn fd(&self) -> i32 {
        self.fd
    }

    /// Calls `source` when the socket can be read, until the socket is removed.
    pub fn add(&self, socket: &Socket, source: Arc<dyn Source>) -> io::Result<()> {
        let fd = socket.as_raw_fd();
        lock(&self.sources).insert(fd, source);
        let token = token(fd);
        self.registry
            .register(&mut SourceFd(&fd), token, Interest::READABLE)
            .inspect_err(|_| {
                lock(&self.sources).remove(&fd);
            })
    }

    /// Calls the source of the socket also when it can be written.
    pub fn watch_writable(&self, socket: &Socket) {
        let fd = socket.as_raw_fd();
        let both = Interest::READABLE | Interest::WRITABLE;
        // Fails if the socket has been removed: nothing more is written to it.
        let _ = self
            .registry
            .reregister(&mut SourceFd(&fd), token(fd), both);
    }

    /// Removes a socket. Must be called before the socket is closed.
    pub fn remove(&self, socket: &Socket) {
        let fd = socket.as_raw_fd();
        if lock(&self.sources).remove(&fd).is_some() {
            // Fails only if it was never registered.
            let _ = self.registry.deregister(&mut SourceFd(&fd));
        }
    }

    /// Drops all sources.
    pub fn clear(&self) {
        let sources = std::mem::take(&mut *lock(&self.sources));
        drop(sources);
    }

    /// Handles the sockets that are ready now, without waiting. May be called on any thread.
    pub fn poll_once(&self) -> PollCount {
        let mut ready = Vec::new();
        {
            let mut poll = lock(&self.poll);
            let (poll, events) = &mut *poll;
            while let Err(error) = poll.poll(events, Some(Duration::ZERO)) {
                if error.kind() != io::ErrorKind::Interrupted {
                    return PollCount::default();
                }
            }
            let sources = lock(&self.sources);
            for event in &*events {
                let fd = RawFd::try_from(event.token().0).unwrap_or(-1);
                // A source is missing if its socket was removed after it had become ready. If another socket has
                // the same number by now, that one is called, and finds nothing to read.
                if let Some(source) = sources.get(&fd) {
                    let ended = event.is_read_closed() || event.is_error();
                    ready.push((
                        source.clone(),
                        event.is_readable() || ended,
                        ended,
                        event.is_writable(),
                    ));
                }
            }
        }
        let mut count = PollCount {
            sockets: ready.len(),
            bytes: 0,
        };
        for (source, readable, ended, writable) in ready {
            let failing = source.clone();
            // A panic ends its own connection only.
            let handled = catch_panic(|| {
                if writable {
                    source.writable();
                }
                if readable { source.readable(ended) } else { 0 }
            });
            match handled {
                Some(bytes) => count.bytes += bytes,
                None => {
                    let _ = catch_panic(|| failing.fail());
                }
            }
        }
        count
    }

    /// Polls in the context of an I/O thread, as long as `is_in_charge` returns true.
    #[allow(unsafe_code, reason = "tokio requires that the descriptor stays open")]
    pub async fn serve(&self, is_in_charge: impl Fn() -> bool) {
        // SAFETY: `self.poll` owns the descriptor and keeps it open while `self` is borrowed. The registration ends
        // with this function.
        let registered =
            unsafe { AsyncFd::register_with_interest(Fd(self.fd), tokio::io::Interest::READABLE) };
        let Ok(ready) = registered else {
            return;
        };
        while is_in_charge() {
            let Ok(mut guard) = ready.readable().await else {
                return;
            };
            if !is_in_charge() {
                return;
            }
            if self.poll_once().sockets < EVENTS {
                guard.clear_ready();
            }
            drop(guard);
            // Lets other tasks of this thread run, above all its flusher.
            tokio::task::yield_now().await;
        }
    }
}

fn token(fd: RawFd) -> Token {
    // Descriptors are not negative.
    Token(usize::try_from(fd).unwrap_or(usize::MAX))
}

/// The descriptor of a reactor that outlives this.
struct Fd(RawFd);

impl AsRawFd for Fd {
    fn as_raw_fd(&self) -> RawFd {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;

    #[derive(Debug, Default)]
    struct Log {
        read: AtomicUsize,
        ended: AtomicBool,
        writable: AtomicUsize,
        failed: AtomicBool,
        panics: bool,
    }

    impl Source for Log {
        fn readable(self: Arc<Self>, ended: bool) -> usize {
            assert!(!self.panics, "the panic of the test");
            self.ended.fetch_or(ended, Ordering::Relaxed);
            self.read.fetch_add(1, Ordering::Relaxed);
            7
        }
        fn writable(&self) {
            self.writable.fetch_add(1, Ordering::Relaxed);
        }
        fn fail(&self) {
            self.failed.store(true, Ordering::Relaxed);
        }
    }

    fn pair() -> (UnixStream, Arc<Socket>) {
        let (near, far) = UnixStream::pair().unwrap();
        (far, Socket::duplicate_of(near.as_raw_fd()).unwrap())
    }

    #[test]
    fn a_source_is_called_once_for_bytes_that_have_arrived() {
        let reactor = Reactor::new().unwrap();
        let (mut client, socket) = pair();
        let log = Arc::new(Log::default());
        reactor.add(&socket, log.clone()).unwrap();
        assert_eq!(reactor.poll_once(), PollCount::default());
        client.write_all(b"x").unwrap();
        let (sockets, bytes) = (1, 7);
        assert_eq!(reactor.poll_once(), PollCount { sockets, bytes });
        assert_eq!(reactor.poll_once(), PollCount::default());
        assert!(!log.ended.load(Ordering::Relaxed));
        drop(client);
        assert_eq!(reactor.poll_once().sockets, 1);
        assert!(log.ended.load(Ordering::Relaxed));
    }

    #[test]
    fn a_source_is_called_for_writing_only_if_that_was_asked_for() {
        let reactor = Reactor::new().unwrap();
        let (_client, socket) = pair();
        let log = Arc::new(Log::default());
        reactor.add(&socket, log.clone()).unwrap();
        reactor.poll_once();
        assert_eq!(log.writable.load(Ordering::Relaxed), 0);
        reactor.watch_writable(&socket);
        reactor.poll_once();
        assert_eq!(log.writable.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_removed_socket_is_not_polled_and_its_source_is_dropped() {
        let reactor = Reactor::new().unwrap();
        let (mut client, socket) = pair();
        let log = Arc::new(Log::default());
        reactor.add(&socket, log.clone()).unwrap();
        client.write_all(b"x").unwrap();
        reactor.remove(&socket);
        assert_eq!(reactor.poll_once(), PollCount::default());
        assert_eq!(Arc::strong_count(&log), 1);
    }

    #[test]
    fn a_panic_ends_its_own_connection_only() {
        let reactor = Reactor::new().unwrap();
        let (mut client, socket) = pair();
        let (mut other_client, other_socket) = pair();
        let panics = Arc::new(Log {
            panics: true,
            ..Log::default()
        });
        let other = Arc::new(Log::default());
        reactor.add(&socket, panics.clone()).unwrap();
        reactor.add(&other_socket, other.clone()).unwrap();
        client.write_all(b"x").unwrap();
        other_client.write_all(b"x").unwrap();
        reactor.poll_once();
        assert!(panics.failed.load(Ordering::Relaxed));
        assert_eq!(other.read.load(Ordering::Relaxed), 1);
    }
}
