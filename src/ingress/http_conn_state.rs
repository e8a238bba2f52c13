//! The state of a taken HTTP connection: pure, without clock, socket or lock.

use std::task::Waker;
use std::time::{Duration, Instant};

use super::installation::Timeouts;
use crate::server::taken_sockets::Fault;

/// The phase of a connection, and the things that its current request uses: a service `S`, and a streamed response `R`.
#[derive(Debug)]
pub(super) struct HttpConnState<S, R> {
    phase: Phase,
    /// The service of the current request.
    service: Option<S>,
    /// The last streamed response.
    response: Option<R>,
    /// hyper has taken frames of the response and may not have written them.
    unflushed: bool,
    /// Wakes the reader, which waits until the response is complete.
    reader: Option<Waker>,
    /// Wakes the task that serves the connection.
    task: Option<Waker>,
}

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    /// No byte of the next request has arrived.
    Idle {
        /// When this phase began.
        since: Instant,
        /// The limits at that time: as in Node, a later change has an effect only after the next response.
        limits: Timeouts,
    },
    /// The head is incomplete, or has not been judged.
    Head {
        /// When its first byte arrived.
        since: Instant,
        /// When the latest of its bytes arrived.
        last: Instant,
        /// The time that may pass between two bytes.
        stalled: Option<Duration>,
    },
    /// A request passes the gate, or has passed it and its service has not read all of it.
    Request {
        /// When it began.
        since: Instant,
        /// The number of its bytes that have not passed.
        left: usize,
        /// The client has closed its side.
        gone: bool,
    },
    /// The service has the request and answers.
    Response {
        /// The client has closed its side.
        gone: bool,
    },
    /// The next request goes to Node. Contains the bytes of it that have been read.
    Foreign(Vec<u8>),
    /// The connection goes to Node, which reports the fault.
    Faulty(Fault),
    /// The connection is over.
    Ended,
}

/// What the reader of the connection (the gate) has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Judge the next head.
    Head,
    /// Let at most this number of bytes pass.
    Request(usize),
    /// Read, and hold the bytes until the response is complete.
    Response,
    /// Wait until the response is complete: no more bytes will arrive.
    Gone,
    /// Report the end of the stream to hyper.
    Over,
}

/// What happens to a connection that is no longer served.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// It goes back to Node, with the bytes of its next request that have been read.
    Foreign(Vec<u8>),
    /// It goes back to Node, which reports the fault.
    Fault(Fault),
    /// It closes.
    Closed,
}

/// What to do when a deadline has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expired {
    /// Close without a response, as Node does with idle connections.
    Close,
    /// Let Node report it: it emits `'clientError'`, or answers 408 if there is no listener.
    RequestTimeout,
}

impl<S: Clone, R> HttpConnState<S, R> {
    /// A connection whose first request Node has read.
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

    /// What the reader has to do.
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

    /// The reader needs more bytes to judge the next request. It has some of them if `begun`.
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
            // It waits already, or no head is read in this phase.
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

    /// More bytes of an incomplete head have arrived.
    pub(super) fn head_grows(&mut self, now: Instant) {
        if let Phase::Head { last, .. } = &mut self.phase {
            *last = now;
        }
    }

    /// A request for this service begins to pass. It has `left` bytes.
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

    /// The response is a stream.
    pub(super) fn answers_with(&mut self, response: R) {
        self.response = Some(response);
    }

    /// The response has been written or given up. The caller drops the returned service and wakes the returned reader:
    /// hyper does not read again by itself after a read that was pending.
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
            // The request was answered before all of it was read.
            Phase::Request { .. } => self.phase = Phase::Ended,
            Phase::Idle { .. }
            | Phase::Head { .. }
            | Phase::Foreign(_)
            | Phase::Faulty(_)
            | Phase::Ended => {}
        }
        (self.service.take(), reader)
    }

    /// The reader holds bytes of a later request. It is woken when the response is complete.
    pub(super) fn hold(&mut self, reader: &Waker) {
        self.reader = Some(reader.clone());
    }

    /// The client has closed its side. Between two requests, the connection ends. Within a request, it is a fault. During a
    /// response, `reader` is woken: a complete response is still sent; a poll or a stream is aborted, as in 0.3.24.
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

    /// Whether the client has closed its side during a response.
    pub(super) fn is_client_gone(&self) -> bool {
        matches!(
            self.phase,
            Phase::Request { gone: true, .. } | Phase::Response { gone: true }
        )
    }

    /// The next request goes to Node. `bytes` of it have been read.
    pub(super) fn give_back(&mut self, bytes: Vec<u8>) {
        self.phase = Phase::Foreign(bytes);
    }

    /// Reading has failed with the `errno` in `number`.
    pub(super) fn read_fails(&mut self, number: i32) {
        self.phase = Phase::Faulty(Fault::Read(number));
    }

    /// Whether the connection goes back to Node, and so has to stay open.
    pub(super) fn goes_back(&self) -> bool {
        matches!(self.phase, Phase::Foreign(_) | Phase::Faulty(_))
    }

    /// What happens to the connection, when hyper is done with it. To be called once.
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

    /// The last streamed response.
    pub(super) fn response(&self) -> Option<&R> {
        self.response.as_ref()
    }

    /// hyper takes frames of the response.
    pub(super) fn hands_over(&mut self) {
        self.unflushed = true;
    }

    /// hyper has written all its bytes. Returns whether frames were among them.
    pub(super) fn has_flushed(&mut self) -> bool {
        std::mem::replace(&mut self.unflushed, false)
    }

    /// Whether it waits for its next request.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Idle { .. })
    }

    /// Sets the task that serves the connection. It has to be woken when a deadline may have moved to an earlier time.
    pub(super) fn serve_in(&mut self, task: &Waker) {
        self.task.get_or_insert_with(|| task.clone());
    }

    /// The task that [`HttpConnState::serve_in`] has set.
    pub(super) fn task(&self) -> Option<&Waker> {
        self.task.as_ref()
    }

    /// When the current phase has taken too long, and what to do then.
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
