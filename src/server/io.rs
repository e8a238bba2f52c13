//! The threads that do the network work.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle};
use tokio::sync::{Notify, oneshot};

use super::buffer_pool::BufferPool;
use super::fan_out::FanOut;
use super::socket::Reactor;
use crate::{catch_panic, lock};

const READ_BUFFER: usize = 64 << 10;

/// Lends the thread's read buffer to `read`. All connections of the thread share it, because the bytes of one
/// read are decoded or copied before the next read. Calls must not be nested.
pub fn with_read_buffer<R>(read: impl FnOnce(&mut [u8]) -> R) -> R {
    BUFFER.with_borrow_mut(|buffer| read(buffer))
}

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BUFFER]);
    /// Set on threads that flush by themselves at the end of a batch.
    static DEFERS_FLUSH: Cell<bool> = const { Cell::new(false) };
    /// Set on such a thread while it runs [`flushing_now`].
    static FLUSHES_NOW: Cell<bool> = const { Cell::new(false) };
}

/// Declares that this thread flushes by itself: marking a send buffer on it then does not wake the I/O thread.
pub fn defer_flushes() {
    DEFERS_FLUSH.set(true);
}

/// Runs something that writes and then flushes. As the bytes leave at once, [`Io::flush_overdue`] need not be started
/// for them.
pub(super) fn flushing_now<R>(run: impl FnOnce() -> R) -> R {
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            FLUSHES_NOW.set(false);
        }
    }
    let _reset = Reset;
    FLUSHES_NOW.set(true);
    run()
}

/// Bytes for one client, which the next flush sends: a send buffer.
pub trait Flush: fmt::Debug + Send + Sync {
    /// Sends what can be sent at once.
    fn flush(&self);
    /// `flush` has panicked.
    fn fail(&self);
}

/// One I/O thread. A connection stays on the same one until it ends.
#[derive(Debug)]
pub struct Io {
    handle: Handle,
    /// Send buffers with something to send.
    marked: Mutex<Marked>,
    wake: Notify,
    /// Whether [`Io::flush_overdue`] is checking `marked`.
    is_watched: AtomicBool,
    watch: Notify,
    buffer_pool: BufferPool,
    /// Reports which websockets of this thread are ready.
    reactor: Reactor,
    /// Published messages, which one of the I/O threads delivers.
    fan_out: Option<Arc<FanOut>>,
    /// Whether the JavaScript thread polls the reactor instead of this thread.
    driven_by_js: AtomicBool,
    returned: Notify,
}

#[derive(Debug, Default)]
struct Marked {
    send_buffers: Vec<Arc<dyn Flush>>,
    /// When a thread that flushes by itself first marked one of them, or published.
    since: Option<Instant>,
}

/// Owner of a running I/O thread. Dropping it ends the thread and waits for it.
#[derive(Debug)]
pub struct IoThread {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The calling thread flushes up to this many send buffers itself: to wake the I/O thread would cost more.
const DIRECT: usize = 2;
/// The same for a thread that polls the reactor: the I/O thread sleeps meanwhile.
const DIRECT_WITH_REACTOR: usize = 16;

impl Io {
    /// Starts a thread. It delivers what is published in `fan_out`. It calls `before_sleep` each time before it sleeps.
    pub fn start(
        name: &str,
        fan_out: Option<Arc<FanOut>>,
        before_sleep: impl Fn() + Send + Sync + 'static,
    ) -> io::Result<(Arc<Self>, IoThread)> {
        let tokio = Builder::new_current_thread()
            .enable_all()
            .on_thread_park(before_sleep)
            .build()?;
        let this = Arc::new(Self {
            handle: tokio.handle().clone(),
            marked: Mutex::default(),
            wake: Notify::new(),
            is_watched: AtomicBool::new(false),
            watch: Notify::new(),
            buffer_pool: BufferPool::default(),
            reactor: Reactor::new()?,
            fan_out,
            driven_by_js: AtomicBool::new(false),
            returned: Notify::new(),
        });
        let (stop, stopped) = oneshot::channel();
        let io = this.clone();
        let thread = std::thread::Builder::new()
            .name(name.into())
            .spawn(move || {
                tokio.spawn(io.clone().flush_forever());
                tokio.spawn(io.clone().flush_overdue());
                tokio.spawn(io.serve_reactor());
                // An error means that the sender was dropped: the thread has to stop then, too.
                let _ = tokio.block_on(stopped);
            })?;
        Ok((
            this,
            IoThread {
                stop: Some(stop),
                thread: Some(thread),
            },
        ))
    }

    /// Spawns tasks on this thread.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// The reactor for the websockets of this thread.
    pub fn reactor(&self) -> &Reactor {
        &self.reactor
    }

    /// Large buffers for the websockets of this thread.
    pub fn buffer_pool(&self) -> &BufferPool {
        &self.buffer_pool
    }

    /// Whether the JavaScript thread polls the reactor.
    pub fn is_driven_by_js(&self) -> bool {
        self.driven_by_js.load(Ordering::Acquire)
    }

    /// With `true`, the caller promises to poll the reactor whenever a socket is ready. With `false`, this thread
    /// polls it again.
    pub fn set_driven_by_js(&self, driven: bool) {
        self.driven_by_js.store(driven, Ordering::Release);
        if !driven {
            self.returned.notify_one();
        }
    }

    async fn serve_reactor(self: Arc<Self>) {
        loop {
            self.reactor.serve(|| !self.is_driven_by_js()).await;
            self.returned.notified().await;
        }
    }

    /// Adds a send buffer to the next flush.
    pub fn mark(&self, send_buffer: Arc<dyn Flush>) {
        let mut marked = lock(&self.marked);
        marked.send_buffers.push(send_buffer);
        self.marked(marked);
    }

    /// Messages have been published: the next flush delivers them.
    pub fn mark_published(&self) {
        self.marked(lock(&self.marked));
    }

    fn marked(&self, mut marked: MutexGuard<'_, Marked>) {
        if !DEFERS_FLUSH.get() {
            drop(marked);
            return self.wake.notify_one();
        }
        if marked.since.is_none() {
            marked.since = Some(Instant::now());
            drop(marked);
            if !FLUSHES_NOW.get() && !self.is_watched.swap(true, Ordering::AcqRel) {
                self.watch.notify_one();
            }
        }
    }

    /// Flushes the marked send buffers: on the calling thread if they are few, else on the I/O thread.
    pub fn flush_from_outside(&self) {
        if let Some(fan_out) = &self.fan_out
            && !fan_out.is_empty()
        {
            if !fan_out.is_small() {
                lock(&self.marked).since = None;
                return self.wake.notify_one();
            }
            fan_out.deliver_all();
        }
        let mut marked = lock(&self.marked);
        if marked.send_buffers.is_empty() {
            marked.since = None;
            return;
        }
        let direct = if self.is_driven_by_js() {
            DIRECT_WITH_REACTOR
        } else {
            DIRECT
        };
        marked.since = None;
        if marked.send_buffers.len() > direct {
            drop(marked);
            return self.wake.notify_one();
        }
        let send_buffers = std::mem::take(&mut marked.send_buffers);
        drop(marked);
        for send_buffer in send_buffers {
            flush(&*send_buffer);
        }
    }

    /// Sends what can be sent without waiting. See [`Runtime::flush_last`](super::Runtime::flush_last); may be called on any thread.
    pub(super) fn flush_last(&self) {
        for send_buffer in std::mem::take(&mut *lock(&self.marked)).send_buffers {
            flush(&*send_buffer);
        }
    }

    async fn flush_forever(self: Arc<Self>) {
        let mut send_buffers = Vec::new();
        loop {
            self.wake.notified().await;
            while self.flush_some(&mut send_buffers) {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Delivers some of the published messages, and flushes what is marked. Returns whether more has to be delivered.
    fn flush_some(&self, send_buffers: &mut Vec<Arc<dyn Flush>>) -> bool {
        let has_more = self.deliver_published();
        let mut marked = lock(&self.marked);
        marked.since = None;
        std::mem::swap(&mut marked.send_buffers, send_buffers);
        drop(marked);
        for send_buffer in send_buffers.drain(..) {
            flush(&*send_buffer);
        }
        has_more
    }

    /// Delivers some of the published messages, and so marks send buffers. Returns whether more waits.
    fn deliver_published(&self) -> bool {
        let fan_out = self.fan_out.as_ref();
        fan_out.is_some_and(|fan_out| fan_out.deliver_some())
    }

    /// Sends what a thread that flushes by itself has left unsent for [`OVERDUE`] or longer, because it is busy.
    /// Checks this every millisecond, but only while something is being written.
    async fn flush_overdue(self: Arc<Self>) {
        loop {
            self.watch.notified().await;
            let mut quiet = 0;
            while quiet < QUIET {
                tokio::time::sleep(OVERDUE).await;
                match lock(&self.marked).since {
                    Some(since) if since.elapsed() >= OVERDUE => self.wake.notify_one(),
                    Some(_) => quiet = 0,
                    None => quiet += 1,
                }
            }
            self.is_watched.store(false, Ordering::Release);
            // A send buffer may have been marked between the last check and this store.
            if lock(&self.marked).since.is_some() && !self.is_watched.swap(true, Ordering::AcqRel) {
                self.watch.notify_one();
            }
        }
    }

    /// Sends on `done` after the tasks that [`Io::flush_last`] has woken have run: they write to their sockets
    /// as much as the kernel takes.
    pub(super) fn let_tasks_write(&self, done: mpsc::Sender<()>) {
        self.handle.spawn(async move {
            for _ in 0..TURNS {
                tokio::task::yield_now().await;
            }
            // Fails only if the receiver has timed out.
            let _ = done.send(());
        });
    }
}

/// Bytes that have waited for a busy thread for this time are sent; also the period of this check.
const OVERDUE: Duration = Duration::from_millis(1);
/// After this many checks in a row that find nothing, the checks stop.
const QUIET: u32 = 4;
/// Number of rounds in which the tasks can write. A response of some megabytes needs several, because other tasks run
/// in between.
const TURNS: u32 = 16;

/// Flushes one send buffer of several. A panic ends only its own client.
fn flush(send_buffer: &dyn Flush) {
    if catch_panic(|| send_buffer.flush()).is_none() {
        send_buffer.fail();
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
