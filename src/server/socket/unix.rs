//! Sockets taken from Node by their descriptor; the only `unsafe` about descriptors is here.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{BorrowedFd, IntoRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use tokio::io::unix::AsyncFd;

use crate::server::outlet::{Flush, Outlet};

/// A descriptor on its way back to Node; closed when it does not get there.
#[derive(Debug)]
pub struct Descriptor(OwnedFd);

impl Descriptor {
    /// Its number, whose owner is now the caller.
    pub fn into_number(self) -> u32 {
        self.0.into_raw_fd().cast_unsigned()
    }
}

/// A connected stream socket, TCP or Unix, registered with the I/O thread that owns it. std's
/// `TcpStream` stands for both: its calls are those of any stream socket.
#[derive(Debug)]
pub struct Socket {
    stream: AsyncFd<TcpStream>,
    /// Counts reads and writes, for whoever wants to know whether there is traffic.
    transfers: AtomicU32,
}

impl Socket {
    /// Makes a second descriptor of the socket that Node has under the number `fd` and registers it.
    /// Must be called in the context of an I/O thread, while Node keeps its own descriptor open.
    #[allow(unsafe_code, reason = "Node gives descriptors as numbers")]
    pub fn duplicate_of(fd: i32) -> io::Result<Arc<Self>> {
        // SAFETY: Node's handle owns `fd` and is not closed before the calling JavaScript goes on, so the
        // descriptor is open for as long as this borrow lives. A number that is no descriptor fails.
        let fd = unsafe { BorrowedFd::borrow_raw(fd) }.try_clone_to_owned()?;
        let stream = TcpStream::from(fd);
        stream.set_nonblocking(true)?;
        // SAFETY: the `AsyncFd` owns the stream, whose descriptor neither changes nor closes before the
        // stream is dropped, which is after the `AsyncFd` has taken back its registration.
        let stream = unsafe { AsyncFd::register(stream)? };
        let transfers = AtomicU32::new(0);
        Ok(Arc::new(Self { stream, transfers }))
    }

    /// Writes what the kernel takes. From any thread.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.transfers.fetch_add(1, Ordering::Relaxed);
        self.stream.get_ref().write(bytes)
    }

    /// How many reads and writes there have been; wraps around.
    pub fn transfers(&self) -> u32 {
        self.transfers.load(Ordering::Relaxed)
    }

    /// Reads into `buffer`, or waits. A short read saves the second `recv` that would only say that
    /// nothing more is there.
    pub fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = std::task::ready!(self.stream.poll_read_ready(cx))?;
            match guard.get_inner().read(buffer) {
                Ok(read) => {
                    self.transfers.fetch_add(1, Ordering::Relaxed);
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
    pub fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            match self.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                done => return Poll::Ready(done),
            }
            std::task::ready!(self.stream.poll_write_ready(cx))?.clear_ready();
        }
    }

    /// Ends the connection in both directions; whoever reads sees its end. From any thread.
    pub fn shutdown(&self) {
        // Fails only when the peer is gone already.
        let _ = self.stream.get_ref().shutdown(Shutdown::Both);
    }

    /// Ends the sending direction.
    pub fn shutdown_write(&self) {
        let _ = self.stream.get_ref().shutdown(Shutdown::Write);
    }

    /// A descriptor of its own for somebody else to use.
    pub fn duplicate(&self) -> io::Result<Descriptor> {
        let stream = self.stream.get_ref().try_clone()?;
        Ok(Descriptor(stream.into()))
    }

    /// Flushes `outlet` as the socket becomes writable, until it has nothing more to send.
    pub async fn flush_when_writable(&self, outlet: &Outlet) -> io::Result<()> {
        loop {
            let mut guard = self.stream.writable().await?;
            match outlet.flush() {
                Flush::Blocked => guard.clear_ready(),
                Flush::Done | Flush::Over => return Ok(()),
            }
        }
    }
}
