//! What all services of one Node environment share: I/O threads, events, timers, keys.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak, mpsc};
use std::time::{Duration, Instant};

use super::events::{EventBatch, EventQueue, Waker};
use super::fan_out::{Audience, FanOut};
use super::io::{Io, IoThread, flushing_now};
use super::publication::Publication;
use super::taken_sockets::TakenSockets;
use super::timers::Timers;
use crate::lock;

/// Each copy of `lib/` in each Node environment has its own; nothing is global to the process.
pub struct Runtime {
    /// Events for JavaScript.
    pub events: Arc<EventQueue>,
    /// Published messages that have not reached all members of their room.
    pub fan_out: Arc<FanOut>,
    /// Deadlines of all connections.
    pub timers: Arc<Timers>,
    /// Numbers that name connections.
    pub keys: Keys,
    /// Sockets taken from Node.
    pub taken: TakenSockets,
    ios: Vec<Arc<Io>>,
    /// How many of `ios`, from the first on, serve websockets.
    websocket_ios: usize,
    next_io: AtomicUsize,
    /// A counter of its own: with one for both, clients that request `/info` and then open a websocket would
    /// use only every second thread.
    next_websocket_io: AtomicUsize,
    threads: Mutex<Vec<IoThread>>,
    stop_listeners: Mutex<Vec<Weak<dyn StopListener>>>,
}

/// Learns that a runtime stops.
pub trait StopListener: Send + Sync {
    /// The runtime stops. The listener drops its connections, because they hold the runtime.
    fn stopped(&self);
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime")
            .field("io_threads", &self.ios.len())
            .finish_non_exhaustive()
    }
}

impl Runtime {
    /// Starts `io_threads` I/O threads, at least one. `websocket_threads` of them, at least one, serve
    /// websockets too. They run until [`Runtime::stop`].
    pub fn start(
        io_threads: usize,
        websocket_threads: usize,
        waker: Box<dyn Waker>,
    ) -> io::Result<Arc<Self>> {
        let events = Arc::new(EventQueue::new(waker));
        let timers = Arc::new(Timers::default());
        let fan_out = Arc::new(FanOut::default());
        let mut ios = Vec::new();
        let mut threads = Vec::new();
        for number in 0..io_threads.max(1) {
            let queue = events.clone();
            let name = format!("sockjs-io-{number}");
            let delivers = (number == 0).then(|| fan_out.clone());
            let (io, thread) = Io::start(&name, delivers, move || queue.wake_if_waiting())?;
            ios.push(io);
            threads.push(thread);
        }
        ios[0].handle().spawn(timers.clone().run());
        Ok(Arc::new(Self {
            events,
            fan_out,
            timers,
            keys: Keys::default(),
            taken: TakenSockets::default(),
            websocket_ios: websocket_threads.clamp(1, ios.len()),
            ios,
            next_io: AtomicUsize::new(0),
            next_websocket_io: AtomicUsize::new(0),
            threads: Mutex::new(threads),
            stop_listeners: Mutex::default(),
        }))
    }

    /// Calls [`StopListener::stopped`] when the runtime stops, if the listener is still there.
    pub fn listen_for_stop(&self, listener: Weak<dyn StopListener>) {
        let mut listeners = lock(&self.stop_listeners);
        listeners.retain(|other| other.strong_count() > 0);
        listeners.push(listener);
    }

    /// The I/O threads.
    pub fn ios(&self) -> &[Arc<Io>] {
        &self.ios
    }

    /// The I/O thread for the next HTTP connection, which then stays on it.
    pub fn next_io(&self) -> Arc<Io> {
        take_turns(&self.ios, &self.next_io)
    }

    /// The I/O thread for the next websocket, which then stays on it.
    pub fn next_websocket_io(&self) -> Arc<Io> {
        take_turns(&self.ios[..self.websocket_ios], &self.next_websocket_io)
    }

    /// Polls the reactors that the JavaScript thread has to poll, because that thread may be busy.
    pub fn read_for_js(&self) {
        for io in &self.ios {
            if io.is_driven_by_js() {
                io.reactor().poll_once();
            }
        }
    }

    /// Flushes what has been written since the last call. For threads that have called
    /// [`defer_flushes`](super::io::defer_flushes).
    pub fn flush(&self) {
        for io in &self.ios {
            io.flush_from_outside();
        }
    }

    /// Hands a message over to these members, but for those with the keys `except`. It is delivered with the next
    /// flush, and before anything else happens to a member on the thread that publishes ([`FanOut::catch_up`]).
    pub fn publish(&self, members: Audience, except: Box<[u32]>, publication: Publication) {
        if self.fan_out.push(members, except, publication) {
            self.ios[0].mark_published();
        } else {
            self.fan_out.deliver_all();
        }
    }

    /// Runs `write` and flushes. For the first answer to the only event of a batch: to wait for more bytes would
    /// gain nothing.
    pub fn flush_after<R>(&self, write: impl FnOnce() -> R) -> R {
        flushing_now(|| {
            let written = write();
            self.flush();
            written
        })
    }

    /// Sends everything that has been written, as far as the kernel takes it at once. For the end of the process or of its
    /// environment, and before a taken socket is shut down. Blocks the caller until that is done, for at most [`LAST_WAIT`].
    pub fn flush_last(&self) {
        self.fan_out.deliver_all();
        let (done, all_done) = mpsc::channel();
        for io in &self.ios {
            io.flush_last();
            io.let_tasks_write(done.clone());
        }
        drop(done);
        let end = Instant::now() + LAST_WAIT;
        for _ in &self.ios {
            let left = end.saturating_duration_since(Instant::now());
            // An I/O thread is too busy.
            if all_done.recv_timeout(left).is_err() {
                return;
            }
        }
    }

    /// Sends what can be sent at once, ends the threads and waits for them. Open connections end.
    pub fn stop(&self) {
        self.flush_last();
        lock(&self.threads).clear();
        for io in &self.ios {
            io.reactor().clear();
        }
        // Breaks a cycle of references: a session holds its registry, and the registry holds the session.
        for listener in lock(&self.stop_listeners).iter().filter_map(Weak::upgrade) {
            listener.stopped();
        }
        // Breaks another cycle: events hold connections, which hold the runtime.
        self.events.drain(&mut EventBatch::default());
        // The tasks were dropped with their threads, which has ended their connections: this sends their last bytes.
        for io in &self.ios {
            io.flush_last();
        }
    }
}

/// How long the end of a process waits for its I/O threads at most.
const LAST_WAIT: Duration = Duration::from_millis(500);

/// Small numbers that name connections. A number that was given back is used again.
#[derive(Debug, Default)]
pub struct Keys {
    pool: Mutex<(u32, Vec<u32>)>,
}

impl Keys {
    /// A number that no open connection has.
    pub fn take(&self) -> u32 {
        let mut pool = lock(&self.pool);
        pool.1.pop().unwrap_or_else(|| {
            pool.0 += 1;
            pool.0 - 1
        })
    }

    /// Gives back a number, which is then free.
    pub fn give(&self, key: u32) {
        lock(&self.pool).1.push(key);
    }
}

fn take_turns(ios: &[Arc<Io>], turn: &AtomicUsize) -> Arc<Io> {
    ios[turn.fetch_add(1, Ordering::Relaxed) % ios.len()].clone()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Io, Runtime};
    use crate::server::testing::NoWaker;

    #[test]
    fn websockets_use_all_their_threads_even_if_a_request_precedes_each() {
        let runtime = Runtime::start(2, 2, Box::new(NoWaker)).unwrap();
        let mut served = [0, 0];
        for _client in 0..4 {
            runtime.next_io();
            let io = runtime.next_websocket_io();
            served[thread_of(&runtime, &io)] += 1;
        }
        assert_eq!(served, [2, 2]);
        runtime.stop();
    }

    fn thread_of(runtime: &Runtime, io: &Arc<Io>) -> usize {
        let same = |other: &Arc<Io>| Arc::ptr_eq(other, io);
        runtime.ios().iter().position(same).unwrap()
    }
}
