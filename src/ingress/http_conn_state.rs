//! The state of a taken HTTP connection: pure, without clock, socket or lock.

use std::task::Waker;
use std::time::{Duration, Instant};

use super::installation::Timeouts;
use crate::server::taken_sockets::Fault;

/// Where a connection stands, and what its request under way is bound to: a service `S` and the response
/// that goes on in time, `R`.
#[derive(Debug)]
pub(super) struct HttpConnState<S, R> {
    phase: Phase,
    /// What the request under way is for.
    service: Option<S>,
    /// The response of the last request that had one which goes on in time.
    response: Option<R>,
    /// hyper has got frames of the response and may not have written them.
    unflushed: bool,
    /// The reader that waits until the response is complete.
    reader: Option<Waker>,
    /// The task that serves the connection.
    task: Option<Waker>,
}

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    /// No byte of the next request has come.
    Idle {
        /// Since then.
        since: Instant,
        /// What was in force then: as with Node, a later change is for the time after the next response.
        limits: Timeouts,
    },
    /// The head is incomplete, or has not been judged.
    Head {
        /// When its first byte came.
        since: Instant,
        /// When its last byte so far came.
        last: Instant,
        /// For how long it may pause.
        stalled: Option<Duration>,
    },
    /// A request passes, or has passed and is not all read by its service.
    Request {
        /// When it began.
        since: Instant,
        /// Bytes of it that have not passed.
        left: usize,
        /// The client has closed its side.
        gone: bool,
    },
    /// The service has the request and answers.
    Response {
        /// The client has closed its side.
        gone: bool,
    },
    /// The next request, of which these bytes have been read, is Node's.
    Foreign(Vec<u8>),
    /// Node reports what is wrong with it.
    Faulty(Fault),
    /// The client has closed.
    Ended,
}

/// What the reader of the connection does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// It judges the next head.
    Head,
    /// It lets pass at most so many bytes.
    Request(usize),
    /// It holds what it reads until the response is complete.
    Response,
    /// It waits until the response is complete: nothing more will come.
    Gone,
    /// It says that the stream has ended.
    Over,
}

/// How serving a connection ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// Its next request is Node's.
    Foreign(Vec<u8>),
    /// Node reports what is wrong with it.
    Fault(Fault),
    /// It is over.
    Closed,
}

/// What to do when a deadline has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expired {
    /// Close without a word, as Node does with idle connections.
    Close,
    /// Node reports it: 408, if nobody listens to `'clientError'`.
    RequestTimeout,
}

impl<S: Clone, R> HttpConnState<S, R> {
    /// A connection of which a first request has been read.
    pub(super) fn new(now: Instant, limits: Timeouts) -> Self {
        Self {
            phase: Phase::Head {
                since: now,
                last: now,
                stalled: limits.stalled,
            },
            service: None,
            response: None,
            unflushed: false,
            reader: None,
            task: None,
        }
    }

    /// What the reader does next.
    pub(super) fn reading(&self) -> Reading {
        match self.phase {
            Phase::Idle { .. } | Phase::Head { .. } => Reading::Head,
            Phase::Request {
                left: 0,
                gone: true,
                ..
            }
            | Phase::Response { gone: true } => Reading::Gone,
            Phase::Request { left: 0, .. } | Phase::Response { .. } => Reading::Response,
            Phase::Request { left, .. } => Reading::Request(left),
            Phase::Foreign(_) | Phase::Faulty(_) | Phase::Ended => Reading::Over,
        }
    }

    /// More bytes are needed to judge the next request, of which some have come if `begun`.
    pub(super) fn wait_for_head(
        &mut self,
        begun: bool,
        now: Instant,
        limits: impl FnOnce() -> Timeouts,
    ) {
        self.phase = match (&self.phase, begun) {
            (Phase::Idle { limits, .. }, true) => Phase::Head {
                since: now,
                last: now,
                stalled: limits.stalled,
            },
            (Phase::Head { .. }, false) => Phase::Idle {
                since: now,
                limits: limits(),
            },
            // It waits already, or is not where a head is read.
            (Phase::Idle { .. }, false)
            | (Phase::Head { .. }, true)
            | (
                Phase::Request { .. }
                | Phase::Response { .. }
                | Phase::Foreign(_)
                | Phase::Faulty(_)
                | Phase::Ended,
                _,
            ) => return,
        };
    }

    /// More of an incomplete head has come.
    pub(super) fn head_grows(&mut self, now: Instant) {
        if let Phase::Head { last, .. } = &mut self.phase {
            *last = now;
        }
    }

    /// The head belongs to a request of so many bytes for this service, which now passes.
    pub(super) fn begin(&mut self, service: S, left: usize, now: Instant) {
        let since = match self.phase {
            Phase::Head { since, .. } => since,
            _ => now,
        };
        self.phase = Phase::Request {
            since,
            left,
            gone: false,
        };
        self.service = Some(service);
    }

    /// This number of bytes of the request have passed.
    pub(super) fn passed(&mut self, bytes: usize) {
        if let Phase::Request { left, .. } = &mut self.phase {
            *left -= bytes;
        }
    }

    /// The service has all of the request.
    pub(super) fn request_complete(&mut self) {
        if let Phase::Request { left: 0, gone, .. } = self.phase {
            self.phase = Phase::Response { gone };
        }
    }

    /// The response goes on in time.
    pub(super) fn answers_with(&mut self, response: R) {
        self.response = Some(response);
    }

    /// The response has been written or given up. What is returned is let go of by the caller, and woken: a
    /// reader that had nothing for hyper is not asked again.
    #[must_use]
    pub(super) fn response_complete(
        &mut self,
        now: Instant,
        limits: impl FnOnce() -> Timeouts,
    ) -> (Option<S>, Option<Waker>) {
        let reader = self.reader.take();
        match self.phase {
            Phase::Request { left: 0, gone, .. } | Phase::Response { gone } => {
                self.phase = match (gone, &reader) {
                    (true, _) => Phase::Ended,
                    (false, Some(_)) => Phase::Head {
                        since: now,
                        last: now,
                        stalled: limits().stalled,
                    },
                    (false, None) => Phase::Idle {
                        since: now,
                        limits: limits(),
                    },
                };
            }
            // Somebody has answered without reading the request.
            Phase::Request { .. } => self.phase = Phase::Ended,
            Phase::Idle { .. }
            | Phase::Head { .. }
            | Phase::Foreign(_)
            | Phase::Faulty(_)
            | Phase::Ended => {}
        }
        (self.service.take(), reader)
    }

    /// The reader holds bytes until the response is complete, and is then to be woken.
    pub(super) fn hold(&mut self, reader: &Waker) {
        self.reader = Some(reader.clone());
    }

    /// The client has closed its side: between two requests, in a request, or while it is answered. Then what
    /// is complete still goes to it; a receiver is aborted, as in 0.3.24, and `reader` woken for it.
    pub(super) fn client_closes(&mut self, reader: &Waker) {
        match &mut self.phase {
            Phase::Request { left: 0, gone, .. } | Phase::Response { gone } => {
                *gone = true;
                self.reader = Some(reader.clone());
                reader.wake_by_ref();
            }
            Phase::Request { .. } => self.phase = Phase::Faulty(Fault::UnexpectedEnd),
            Phase::Idle { .. } | Phase::Head { .. } => self.phase = Phase::Ended,
            Phase::Foreign(_) | Phase::Faulty(_) | Phase::Ended => {}
        }
    }

    /// Whether the client has closed its side while a request of it is under way.
    pub(super) fn is_client_gone(&self) -> bool {
        matches!(
            self.phase,
            Phase::Request { gone: true, .. } | Phase::Response { gone: true }
        )
    }

    /// The next request, of which these bytes have been read, is Node's.
    pub(super) fn give_back(&mut self, bytes: Vec<u8>) {
        self.phase = Phase::Foreign(bytes);
    }

    /// Reading has failed with this number of the system.
    pub(super) fn read_fails(&mut self, number: i32) {
        self.phase = Phase::Faulty(Fault::Read(number));
    }

    /// Whether the connection goes back to Node, which wants it as it is.
    pub(super) fn goes_back(&self) -> bool {
        matches!(self.phase, Phase::Foreign(_) | Phase::Faulty(_))
    }

    /// How it has ended, when hyper is done with it. Asked once.
    #[must_use]
    pub(super) fn end(&mut self) -> End {
        match std::mem::replace(&mut self.phase, Phase::Ended) {
            Phase::Foreign(bytes) => End::Foreign(bytes),
            Phase::Faulty(fault) => End::Fault(fault),
            Phase::Idle { .. }
            | Phase::Head { .. }
            | Phase::Request { .. }
            | Phase::Response { .. }
            | Phase::Ended => End::Closed,
        }
    }

    /// The service of the request under way.
    pub(super) fn service(&self) -> Option<S> {
        self.service.clone()
    }

    /// The last response that went on in time.
    pub(super) fn response(&self) -> Option<&R> {
        self.response.as_ref()
    }

    /// hyper gets frames of the response.
    pub(super) fn hands_over(&mut self) {
        self.unflushed = true;
    }

    /// hyper has written all that it had.
    ///
    /// # Returns
    ///
    /// Whether frames were among it.
    pub(super) fn has_flushed(&mut self) -> bool {
        std::mem::replace(&mut self.unflushed, false)
    }

    /// Whether it waits for its next request.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Idle { .. })
    }

    /// The task that serves the connection, to be woken when a deadline may have come nearer.
    pub(super) fn serve_in(&mut self, task: &Waker) {
        self.task.get_or_insert_with(|| task.clone());
    }

    /// The argument of [`HttpConnState::serve_in`].
    pub(super) fn task(&self) -> Option<&Waker> {
        self.task.as_ref()
    }

    /// When this phase has taken too long, and what then.
    pub(super) fn deadline(&self, timeouts: &Timeouts) -> Option<(Instant, Expired)> {
        let close =
            |since: Instant, limit: Option<Duration>| Some((since + limit?, Expired::Close));
        let report = |since: Instant, limit: Option<Duration>| {
            Some((since + limit?, Expired::RequestTimeout))
        };
        match self.phase {
            Phase::Idle { since, limits } => close(since, limits.idle),
            Phase::Head {
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
            Phase::Request { since, .. } => report(since, timeouts.request),
            Phase::Response { .. } | Phase::Foreign(_) | Phase::Faulty(_) | Phase::Ended => None,
        }
    }
}

#[cfg(test)]
#[path = "http_conn_state_tests.rs"]
mod tests;
