//! Where a taken HTTP connection stands between two requests, shared by gate, service and driver.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::time::{Duration, Instant};

use super::installation::{Installation, Timeouts};
use crate::lock;
use crate::server::ServiceInUse;
use crate::server::send_buffer::SendBuffer;
use crate::server::taken_sockets::{Fault, Standing};

/// The state of one connection. All of it is used from one task; locks are never contended.
#[derive(Debug)]
pub struct Exchange {
    installation: Arc<Installation>,
    step: Mutex<Step>,
    responding: AtomicBool,
    gone: AtomicBool,
    /// hyper has got frames of the response and may not have written them.
    carries: AtomicBool,
    /// What the request that is under way is for.
    service: Mutex<Option<Arc<ServiceInUse>>>,
    foreign: Mutex<Option<Vec<u8>>>,
    fault: Mutex<Option<Fault>>,
    held: Mutex<Option<Waker>>,
    standing: Arc<Standing>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// No byte of the next request has come.
    Idle {
        /// Since then.
        since: Instant,
        /// What was in force then: as with Node, a later change is for the time after the next response.
        limits: Timeouts,
    },
    /// The head is incomplete.
    Head {
        /// When its first byte came.
        since: Instant,
        /// When its last byte so far came.
        last: Instant,
        /// For how long it may pause.
        stalled: Option<Duration>,
    },
    /// The head is complete; the request began then.
    Body(Instant),
    /// The request is complete.
    Response,
}

/// What to do when a deadline has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expired {
    /// Close without a word, as Node does with idle connections.
    Close,
    /// Node reports it: 408, if nobody listens to `'clientError'`.
    RequestTimeout,
}

impl Exchange {
    /// A connection whose first request is complete.
    pub fn new(installation: Arc<Installation>, standing: Arc<Standing>) -> Self {
        let step = Step::Idle {
            since: Instant::now(),
            limits: installation.timeouts(),
        };
        Self {
            installation,
            step: Mutex::new(step),
            responding: AtomicBool::new(false),
            gone: AtomicBool::new(false),
            carries: AtomicBool::new(false),
            service: Mutex::default(),
            foreign: Mutex::default(),
            fault: Mutex::default(),
            held: Mutex::default(),
            standing,
        }
    }

    /// The task that serves the connection: a deadline may come earlier.
    pub fn wakes(&self, task: &Waker) {
        self.standing.wakes(task);
    }

    /// A request of ours begins to pass.
    pub fn begin(&self, service: Arc<ServiceInUse>) {
        let mut step = lock(&self.step);
        let since = match *step {
            Step::Head { since, .. } => since,
            _ => Instant::now(),
        };
        *step = Step::Body(since);
        self.responding.store(true, Ordering::Relaxed);
        self.standing.set_idle(false);
        *lock(&self.service) = Some(service);
    }

    /// The body has been read.
    pub fn request_complete(&self) {
        *lock(&self.step) = Step::Response;
    }

    /// The response goes on in time, through this send buffer.
    pub fn answers_with(&self, send_buffer: &Arc<SendBuffer>) {
        self.standing.answers_with(send_buffer);
    }

    /// hyper gets frames of the response.
    pub fn hands_over(&self) {
        self.carries.store(true, Ordering::Relaxed);
    }

    /// hyper has written all that it had. It does not always ask for the next frames then.
    pub fn has_flushed(&self, waker: &Waker) {
        if self.carries.swap(false, Ordering::Relaxed)
            && let Some(send_buffer) = self.standing.response()
            && send_buffer.has_sent()
        {
            waker.wake_by_ref();
        }
    }

    /// The response has been written or given up. hyper does not ask a reader again that had nothing
    /// for it, so the gate is woken when it holds a pipelined request.
    pub fn response_complete(&self) {
        self.responding.store(false, Ordering::Relaxed);
        let service = lock(&self.service).take();
        drop(service);
        if let Some(waker) = lock(&self.held).take() {
            waker.wake();
        } else {
            self.wait_for_head(false);
        }
    }

    /// The client has closed its side. What is complete still goes to it; a receiver is aborted, as
    /// in 0.3.24.
    pub fn client_gone(&self, waker: &Waker) {
        self.gone.store(true, Ordering::Relaxed);
        self.hold(waker);
        waker.wake_by_ref();
    }

    /// Whether the client has closed its side.
    pub fn is_client_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    /// The gate holds bytes until the response is complete, and is then to be woken.
    pub fn hold(&self, waker: &Waker) {
        *lock(&self.held) = Some(waker.clone());
    }

    /// Whether a request is being answered.
    pub fn is_responding(&self) -> bool {
        self.responding.load(Ordering::Relaxed)
    }

    /// The gate needs more bytes to judge the next request, of which some have come if `begun`.
    pub fn wait_for_head(&self, begun: bool) {
        let mut step = lock(&self.step);
        match (*step, begun) {
            (Step::Head { .. }, true) | (Step::Idle { .. }, false) => {}
            (before, true) => {
                let now = Instant::now();
                let limits = match before {
                    Step::Idle { limits, .. } => limits,
                    _ => self.installation.timeouts(),
                };
                *step = Step::Head {
                    since: now,
                    last: now,
                    stalled: limits.stalled,
                };
            }
            (_, false) => {
                *step = Step::Idle {
                    since: Instant::now(),
                    limits: self.installation.timeouts(),
                };
            }
        }
        self.standing.set_idle(!begun);
    }

    /// More of an incomplete head has come.
    pub fn head_grows(&self) {
        if let Step::Head { last, .. } = &mut *lock(&self.step) {
            *last = Instant::now();
        }
    }

    /// The service that the current request is for.
    pub fn service(&self) -> Option<Arc<ServiceInUse>> {
        lock(&self.service).clone()
    }

    /// The next request, of which these bytes have been read, is Node's.
    pub fn give_back(&self, bytes: Vec<u8>) {
        *lock(&self.foreign) = Some(bytes);
    }

    /// The request cannot be completed; Node reports it.
    pub fn set_fault(&self, fault: Fault) {
        *lock(&self.fault) = Some(fault);
    }

    /// The argument of [`Exchange::set_fault`].
    pub fn take_fault(&self) -> Option<Fault> {
        lock(&self.fault).take()
    }

    /// The bytes of [`Exchange::give_back`].
    pub fn take_foreign(&self) -> Option<Vec<u8>> {
        lock(&self.foreign).take()
    }

    /// When this step has taken too long, and what then.
    pub fn deadline(&self) -> Option<(Instant, Expired)> {
        let timeouts = self.installation.timeouts();
        let close =
            |since: Instant, limit: Option<Duration>| Some((since + limit?, Expired::Close));
        let report = |since: Instant, limit: Option<Duration>| {
            Some((since + limit?, Expired::RequestTimeout))
        };
        match *lock(&self.step) {
            Step::Idle { since, limits } => close(since, limits.idle),
            Step::Head {
                since,
                last,
                stalled,
            } => [
                close(last, stalled),
                report(since, timeouts.headers),
                report(since, timeouts.request),
            ]
            .into_iter()
            .flatten()
            .min_by_key(|(at, _)| *at),
            Step::Body(since) => report(since, timeouts.request),
            Step::Response => None,
        }
    }
}
