//! Sockets taken from Node by their descriptor.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::unix::AsyncFd;

use super::Traffic;

/// A descriptor that goes back to Node. It is closed if it is dropped before.
#[derive(Debug)]
pub struct Descriptor(OwnedFd);

impl Descriptor {
    /// Its number. From now on the caller owns the descriptor.
    pub fn into_number(self) -> u32 {
        self.0.into_raw_fd().cast_unsigned()
    }
}

/// A connected stream socket, TCP or Unix. Both are a `TcpStream` here, because the system calls are the same.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    read: AtomicU64,
    written: AtomicU64,
}

impl Socket {
    /// Duplicates the descriptor `fd` of a socket of Node. Must be called while Node keeps its own descriptor open, and
    /// not with a negative number.
    #[allow(unsafe_code, reason = "Node gives descriptors as numbers")]
    pub fn duplicate_of(fd: i32) -> io::Result<Arc<Self>> {
        // SAFETY: JavaScript has read `fd` from a handle of Node and has checked that it is not negative. The handle
        // owns the descriptor, and cannot close it before this call has returned to JavaScript.
        let fd = unsafe { BorrowedFd::borrow_raw(fd) }.try_clone_to_owned()?;
        let stream = TcpStream::from(fd);
        stream.set_nonblocking(true)?;
        Ok(Arc::new(Self {
            stream,
            read: AtomicU64::new(0),
            written: AtomicU64::new(0),
        }))
    }

    /// Reads bytes that have arrived.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = (&self.stream).read(buffer)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }

    /// Writes as many bytes as the kernel takes. May be called on any thread.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let written = (&self.stream).write(bytes)?;
        self.written.fetch_add(written as u64, Ordering::Relaxed);
        Ok(written)
    }

    /// Like [`Socket::try_write`], for bytes in several slices.
    pub fn try_write_parts(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let written = (&self.stream).write_vectored(parts)?;
        self.written.fetch_add(written as u64, Ordering::Relaxed);
        Ok(written)
    }

    /// Whether the client has closed its side or reset the connection, and nothing is left to read before that.
    pub fn has_ended(&self) -> bool {
        match self.stream.peek(&mut [0]) {
            Ok(read) => read == 0,
            Err(error) => !matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
            ),
        }
    }

    /// The number of bytes in each direction.
    pub fn traffic(&self) -> Traffic {
        Traffic {
            read: self.read.load(Ordering::Relaxed),
            written: self.written.load(Ordering::Relaxed),
        }
    }

    /// Ends the connection in both directions; its reader sees the end. May be called on any thread.
    pub fn shutdown(&self) {
        // Fails only if the client is gone.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Ends the receiving direction, which the client does not notice; the reader sees the end.
    pub fn shutdown_read(&self) {
        let _ = self.stream.shutdown(Shutdown::Read);
    }

    /// Ends the sending direction.
    pub fn shutdown_write(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// A second descriptor of the socket, for Node.
    pub fn duplicate(&self) -> io::Result<Descriptor> {
        Ok(Descriptor(self.stream.try_clone()?.into()))
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }
}

/// A socket for whose readiness a task of an I/O thread waits.
#[derive(Debug)]
pub struct Polled(AsyncFd<Arc<Socket>>);

impl Polled {
    /// Must be called in the context of an I/O thread.
    #[allow(unsafe_code, reason = "tokio requires that the descriptor stays open")]
    pub fn new(socket: Arc<Socket>) -> io::Result<Self> {
        // SAFETY: the `AsyncFd` holds a reference to the socket until it has removed its registration. The descriptor
        // of a socket never changes, and is closed only with the last reference.
        Ok(Self(unsafe { AsyncFd::register(socket)? }))
    }

    /// Reads into `buffer`, or waits. A read that does not fill `buffer` has emptied the socket, which saves a second
    /// `recv`.
    pub fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = std::task::ready!(self.0.poll_read_ready(cx))?;
            match self.0.get_ref().try_read(buffer) {
                Ok(read) => {
                    if 0 < read && read < buffer.len() {
                        guard.clear_ready();
                    }
                    return Poll::Ready(Ok(read));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => guard.clear_ready(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Writes, or waits until the kernel takes more.
    pub fn poll_write(
        &self,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            match self.0.get_ref().try_write_parts(parts) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                done => return Poll::Ready(done),
            }
            std::task::ready!(self.0.poll_write_ready(cx))?.clear_ready();
        }
    }

    /// The socket itself.
    pub fn socket(&self) -> &Arc<Socket> {
        self.0.get_ref()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::os::fd::FromRawFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    fn tokio() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .unwrap()
    }

    #[test]
    fn a_duplicate_stays_open_when_the_original_is_closed() {
        let (near, mut far) = UnixStream::pair().unwrap();
        let socket = Socket::duplicate_of(near.as_raw_fd()).unwrap();
        drop(near);
        assert_eq!(socket.try_write(b"still open").unwrap(), 10);
        let mut read = [0; 10];
        far.read_exact(&mut read).unwrap();
        assert_eq!(&read, b"still open");
        let traffic = Traffic {
            read: 0,
            written: 10,
        };
        assert_eq!(socket.traffic(), traffic);
        drop(socket);
        assert_eq!(far.read(&mut read).unwrap(), 0);
    }

    #[test]
    fn a_number_that_is_no_descriptor_is_refused() {
        let (near, _far) = UnixStream::pair().unwrap();
        let number = near.as_raw_fd();
        drop(near);
        // Far above the numbers in use, so that no other test opens it meanwhile.
        assert!(Socket::duplicate_of(number + 100_000).is_err());
    }

    #[test]
    fn a_descriptor_for_node_is_closed_unless_its_number_is_taken() {
        let (near, mut far) = UnixStream::pair().unwrap();
        let socket = Socket::duplicate_of(near.as_raw_fd()).unwrap();
        drop(near);
        drop(socket.duplicate().unwrap());
        let number = socket.duplicate().unwrap().into_number();
        drop(socket);
        #[allow(unsafe_code, reason = "as Node does with the number")]
        // SAFETY: `into_number` has given up the descriptor, so this is its only owner.
        let mut back = unsafe { UnixStream::from_raw_fd(number.cast_signed()) };
        back.write_all(b"x").unwrap();
        let mut read = [0];
        far.read_exact(&mut read).unwrap();
        drop(back);
        assert_eq!(far.read(&mut read).unwrap(), 0);
    }

    #[test]
    fn a_task_reads_and_writes_when_the_socket_is_ready() {
        tokio().block_on(async {
            let (near, mut far) = UnixStream::pair().unwrap();
            let socket = Polled::new(Socket::duplicate_of(near.as_raw_fd()).unwrap()).unwrap();
            let mut buffer = [0; 8];
            let waits = poll_fn(|cx| {
                let pending = socket.poll_read(cx, &mut buffer).is_pending();
                Poll::Ready(pending)
            });
            assert!(waits.await);
            far.write_all(b"hello").unwrap();
            let read = poll_fn(|cx| socket.poll_read(cx, &mut buffer)).await;
            assert_eq!(&buffer[..read.unwrap()], b"hello");
            // Writing waits when the kernel takes no more, and continues when it does.
            let full = vec![7; 1 << 20];
            let parts = [IoSlice::new(b"head"), IoSlice::new(&full)];
            let mut sent = poll_fn(|cx| socket.poll_write(cx, &parts)).await.unwrap();
            let blocked = poll_fn(|cx| Poll::Ready(socket.poll_write(cx, &parts).is_pending()));
            assert!(sent < full.len() && blocked.await);
            let mut taken = vec![0; full.len()];
            far.read_exact(&mut taken[..sent]).unwrap();
            assert!(taken.starts_with(b"head\x07"));
            sent = poll_fn(|cx| socket.poll_write(cx, &parts)).await.unwrap();
            assert!(sent > 0);
            socket.socket().shutdown_write();
            drop(near);
            far.read_exact(&mut taken[..sent]).unwrap();
            assert_eq!(far.read(&mut taken).unwrap(), 0);
        });
    }
}
