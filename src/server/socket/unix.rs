//! Sockets taken from Node by their descriptor; the only `unsafe` about descriptors is here.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::unix::AsyncFd;

use super::Traffic;

/// A descriptor on its way back to Node; closed when it does not get there.
#[derive(Debug)]
pub struct Descriptor(OwnedFd);

impl Descriptor {
    /// Its number, whose owner is now the caller.
    pub fn into_number(self) -> u32 {
        self.0.into_raw_fd().cast_unsigned()
    }
}

/// A connected stream socket, TCP or Unix. std's `TcpStream` stands for both: its calls are those of any
/// stream socket.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    read: AtomicU64,
    written: AtomicU64,
}

impl Socket {
    /// Makes a second descriptor of the socket that Node has under the number `fd`. Must be called while
    /// Node keeps its own descriptor open.
    #[allow(unsafe_code, reason = "Node gives descriptors as numbers")]
    pub fn duplicate_of(fd: i32) -> io::Result<Arc<Self>> {
        // SAFETY: Node's handle owns `fd` and is not closed before the calling JavaScript goes on, so the
        // descriptor is open for as long as this borrow lives. A number that is no descriptor fails.
        let fd = unsafe { BorrowedFd::borrow_raw(fd) }.try_clone_to_owned()?;
        let stream = TcpStream::from(fd);
        stream.set_nonblocking(true)?;
        Ok(Arc::new(Self {
            stream,
            read: AtomicU64::new(0),
            written: AtomicU64::new(0),
        }))
    }

    /// Reads what is there.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = (&self.stream).read(buffer)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }

    /// Writes what the kernel takes. From any thread.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let written = (&self.stream).write(bytes)?;
        self.written.fetch_add(written as u64, Ordering::Relaxed);
        Ok(written)
    }

    /// The same for bytes that lie in several places.
    pub fn try_write_parts(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let written = (&self.stream).write_vectored(parts)?;
        self.written.fetch_add(written as u64, Ordering::Relaxed);
        Ok(written)
    }

    /// Whether the client has ended its side, or all of it, and sent nothing before that which is unread.
    pub fn has_ended(&self) -> bool {
        match self.stream.peek(&mut [0]) {
            Ok(read) => read == 0,
            Err(error) => !matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
            ),
        }
    }

    /// How many bytes have gone each way.
    pub fn traffic(&self) -> Traffic {
        Traffic {
            read: self.read.load(Ordering::Relaxed),
            written: self.written.load(Ordering::Relaxed),
        }
    }

    /// Ends the connection in both directions; whoever reads sees its end. From any thread.
    pub fn shutdown(&self) {
        // Fails only when the peer is gone already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Ends the receiving direction, here only: whoever reads sees the end.
    pub fn shutdown_read(&self) {
        let _ = self.stream.shutdown(Shutdown::Read);
    }

    /// Ends the sending direction.
    pub fn shutdown_write(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// A descriptor of its own for somebody else to use.
    pub fn duplicate(&self) -> io::Result<Descriptor> {
        Ok(Descriptor(self.stream.try_clone()?.into()))
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }
}

/// A socket that tasks of an I/O thread wait for.
#[derive(Debug)]
pub struct Polled(AsyncFd<Arc<Socket>>);

impl Polled {
    /// Must be called in the context of an I/O thread.
    #[allow(unsafe_code, reason = "tokio asks for a promise about the descriptor")]
    pub fn new(socket: Arc<Socket>) -> io::Result<Self> {
        // SAFETY: the `AsyncFd` holds the socket, whose descriptor neither changes nor closes before the
        // last reference is dropped, which is after the `AsyncFd` has taken back its registration.
        Ok(Self(unsafe { AsyncFd::register(socket)? }))
    }

    /// Reads into `buffer`, or waits. A short read saves the second `recv` that would only say that
    /// nothing more is there.
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
    fn a_duplicate_outlives_the_descriptor_that_it_was_made_of() {
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
        // Far above what is open here, so that no other test has it meanwhile.
        assert!(Socket::duplicate_of(number + 100_000).is_err());
    }

    #[test]
    fn a_descriptor_on_its_way_back_is_closed_unless_it_gets_there() {
        let (near, mut far) = UnixStream::pair().unwrap();
        let socket = Socket::duplicate_of(near.as_raw_fd()).unwrap();
        drop(near);
        drop(socket.duplicate().unwrap());
        let number = socket.duplicate().unwrap().into_number();
        drop(socket);
        #[allow(unsafe_code, reason = "as Node does with the number")]
        // SAFETY: the number has just been given away, and nobody else has it.
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
            // Until the kernel takes no more, and again when it does.
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
