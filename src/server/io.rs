//! The threads that do the network work.

use std::cell::{Cell, RefCell};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle};
use tokio::sync::{Notify, oneshot};

use super::engine::Engine;
use super::outlet::Outlet;
use super::socket::Reactor;
use super::spares::Spares;
use crate::{contain, lock};

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
    spares: Spares,
    /// The websockets of this thread.
    reactor: Reactor,
    /// Whether somebody else takes the turns of the reactor.
    lent: AtomicBool,
    returned: Notify,
}

/// Owner of a running I/O thread.
#[derive(Debug)]
pub struct IoThread {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// With so few outlets to flush the calling thread sends by itself: waking another would cost more.
const DIRECT: usize = 2;
/// The same for a thread that has the reactor, because the I/O thread sleeps then.
const DIRECT_WITH_REACTOR: usize = 16;

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
            spares: Spares::default(),
            reactor: Reactor::new()?,
            lent: AtomicBool::new(false),
            returned: Notify::new(),
        });
        let (stop, stopped) = oneshot::channel();
        let io = this.clone();
        let thread = std::thread::Builder::new()
            .name(name.into())
            .spawn(move || {
                runtime.spawn(io.clone().flush_forever());
                runtime.spawn(io.serve_reactor());
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

    /// What waits for the websockets of this thread.
    pub fn reactor(&self) -> &Reactor {
        &self.reactor
    }

    /// Large buffers for the websockets of this thread.
    pub fn spares(&self) -> &Spares {
        &self.spares
    }

    /// Whether another thread takes the turns of the reactor.
    pub fn has_lent_reactor(&self) -> bool {
        self.lent.load(Ordering::Acquire)
    }

    /// From now on the caller takes the turns of the reactor, whenever it has something to do; or, with
    /// `false`, this thread does so again.
    pub fn lend_reactor(&self, lent: bool) {
        self.lent.store(lent, Ordering::Release);
        if !lent {
            self.returned.notify_one();
        }
    }

    async fn serve_reactor(self: Arc<Self>) {
        loop {
            self.reactor.serve(|| !self.has_lent_reactor()).await;
            self.returned.notified().await;
        }
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
        let direct = if self.has_lent_reactor() {
            DIRECT_WITH_REACTOR
        } else {
            DIRECT
        };
        if marked.len() > direct {
            drop(marked);
            return self.wake.notify_one();
        }
        let outlets = std::mem::take(&mut *marked);
        drop(marked);
        for outlet in outlets {
            flush(&outlet);
        }
    }

    /// Sends what can be sent without waiting, from any thread; used when the environment ends.
    pub fn flush_last(&self) {
        for outlet in std::mem::take(&mut *lock(&self.marked)) {
            if outlet.is_socket() {
                flush(&outlet);
            }
        }
    }

    async fn flush_forever(self: Arc<Self>) {
        let mut marked = Vec::new();
        loop {
            self.wake.notified().await;
            std::mem::swap(&mut *lock(&self.marked), &mut marked);
            for outlet in marked.drain(..) {
                flush(&outlet);
            }
        }
    }
}

/// Flushes one outlet of several: a panic costs its client, not those that come after it.
fn flush(outlet: &Outlet) {
    if contain(|| outlet.flush()).is_none() {
        outlet.fail();
    }
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
    /// Reads what is there for threads that have a reactor and may be busy with something else.
    pub fn read_for_others(&self) {
        for io in self.ios() {
            if io.has_lent_reactor() {
                io.reactor().turn();
            }
        }
    }

    /// Flushes what has been written since the last call. For threads that [`defer_flushes`].
    pub fn flush(&self) {
        for io in self.ios() {
            io.flush_from_outside();
        }
    }
}
