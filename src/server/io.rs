//! The threads that do the network work.

use std::cell::{Cell, RefCell};
use std::io;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle};
use tokio::sync::{Notify, oneshot};

use super::engine::Engine;
use super::outlet::{Flush, Outlet};
use crate::lock;

const READ_BUFFER: usize = 64 << 10;

/// Lends the thread's read buffer: one for all its connections, because what a read brings is decoded
/// or copied before the next. Not to be nested.
pub fn with_read_buffer<R>(read: impl FnOnce(&mut [u8]) -> R) -> R {
    BUFFER.with_borrow_mut(|buffer| read(buffer))
}

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BUFFER]);
    /// Set on threads that call [`Engine::flush`] themselves at the end of a batch.
    static DEFERS_FLUSH: Cell<bool> = const { Cell::new(false) };
}

/// Declares that this thread flushes by itself: marking an outlet then wakes nobody.
pub fn defer_flushes() {
    DEFERS_FLUSH.set(true);
}

/// One I/O thread. A connection belongs to one of them for life.
#[derive(Debug)]
pub struct Io {
    handle: Handle,
    /// Outlets with something to send.
    marked: Mutex<Vec<Arc<Outlet>>>,
    wake: Notify,
}

/// Owner of a running I/O thread.
#[derive(Debug)]
pub struct IoThread {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// With so few outlets to flush the calling thread sends by itself: waking another would cost more.
const DIRECT: usize = 2;

impl Io {
    /// Starts a thread. `engine` is reached through the closure because it is made together with it.
    pub fn start(
        name: &str,
        on_rest: impl Fn() + Send + Sync + 'static,
    ) -> io::Result<(Arc<Self>, IoThread)> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .on_thread_park(on_rest)
            .build()?;
        let this = Arc::new(Self {
            handle: runtime.handle().clone(),
            marked: Mutex::default(),
            wake: Notify::new(),
        });
        let (stop, stopped) = oneshot::channel();
        let io = this.clone();
        let thread = std::thread::Builder::new()
            .name(name.into())
            .spawn(move || {
                runtime.spawn(async move { io.flush_forever().await });
                // An error means that the sender is gone, which is the same order to stop.
                let _ = runtime.block_on(stopped);
            })?;
        Ok((
            this,
            IoThread {
                stop: Some(stop),
                thread: Some(thread),
            },
        ))
    }

    /// Where tasks of this thread are spawned.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Remembers an outlet for the next flush.
    pub fn mark(&self, outlet: Arc<Outlet>) {
        lock(&self.marked).push(outlet);
        if !DEFERS_FLUSH.get() {
            self.wake.notify_one();
        }
    }

    /// Flushes what is marked: directly when it is little, else on the I/O thread.
    pub fn flush_from_outside(&self) {
        let mut marked = lock(&self.marked);
        if marked.is_empty() {
            return;
        }
        if marked.len() > DIRECT {
            drop(marked);
            return self.wake.notify_one();
        }
        let outlets = std::mem::take(&mut *marked);
        drop(marked);
        for outlet in outlets {
            if outlet.flush() == Flush::Blocked {
                self.mark_and_wake(outlet);
            }
        }
    }

    /// Sends what can be sent without waiting, from any thread; used when the environment ends.
    pub fn flush_last(&self) {
        for outlet in std::mem::take(&mut *lock(&self.marked)) {
            if outlet.is_socket() {
                outlet.flush();
            }
        }
    }

    fn mark_and_wake(&self, outlet: Arc<Outlet>) {
        lock(&self.marked).push(outlet);
        self.wake.notify_one();
    }

    async fn flush_forever(self: Arc<Self>) {
        let mut marked = Vec::new();
        loop {
            self.wake.notified().await;
            std::mem::swap(&mut *lock(&self.marked), &mut marked);
            for outlet in marked.drain(..) {
                if outlet.flush() == Flush::Blocked && outlet.begin_waiting() {
                    self.handle.spawn(wait_and_flush(outlet));
                }
            }
        }
    }
}

async fn wait_and_flush(outlet: Arc<Outlet>) {
    if let Some(socket) = outlet.socket() {
        // An error means that the socket is gone; its reader notices it too.
        let _ = socket.flush_when_writable(&outlet).await;
    }
    outlet.end_waiting();
}

impl Drop for IoThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been reported by the panic hook already.
            let _ = thread.join();
        }
    }
}

impl Engine {
    /// Flushes what has been written since the last call. For threads that [`defer_flushes`].
    pub fn flush(&self) {
        for io in self.ios() {
            io.flush_from_outside();
        }
    }
}
