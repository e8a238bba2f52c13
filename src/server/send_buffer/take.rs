//! How bytes leave a send buffer that others write out: hyper a response body, JavaScript all else.

use std::task::{Context, Poll};

use bytes::{Buf, Bytes};

use super::{BATCH, End, SendBuffer, State, notify};
use crate::lock;
use crate::server::frames::FrameBatch;

/// What [`SendBuffer::take`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// This many bytes; 0 if nothing waits now.
    Bytes(usize),
    /// This many bytes, and nothing follows.
    Last(usize),
    /// The next frame does not fit: [`SendBuffer::next_frame`] returns its length.
    Large,
    /// The client was given up.
    Aborted,
}

impl SendBuffer {
    /// The next frames of a response body; `None` at its end. Pending until the previous frames have been sent
    /// ([`SendBuffer::has_sent`]).
    pub fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Option<FrameBatch>> {
        let mut state = lock(&self.state);
        if state.taken == 0
            && let Some(batch) = state.take_batch()
        {
            return Poll::Ready(Some(batch));
        }
        let is_over = match state.end {
            End::NotYet => false,
            // Reported without waiting for the last frames to be sent, unless they are large.
            End::Reached => state.out.is_empty() && state.taken <= BATCH,
            End::Aborted | End::Failed => true,
        };
        if is_over {
            drop(state);
            self.has_sent();
            return Poll::Ready(None);
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// hyper has sent what it took. Returns whether it gets frames or the end when it asks again.
    pub fn has_sent(&self) -> bool {
        let mut state = lock(&self.state);
        state.taken = 0;
        let drain = state.take_drain();
        let has_more = !state.out.is_empty() || state.has_ended();
        drop(state);
        notify(drain);
        has_more
    }

    /// Whether nothing waits here, and more may come.
    pub fn is_idle(&self) -> bool {
        let state = lock(&self.state);
        state.out.is_empty() && !state.has_ended()
    }

    /// Waits until there is something to take, or until the end.
    pub fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = lock(&self.state);
        if state.has_ended() || !state.out.is_empty() {
            return Poll::Ready(());
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Moves bytes that JavaScript has to write into `to`: one frame of a response body, or as many bytes of a
    /// websocket as fit. By calling this, JavaScript also says that it has written what it took before. If `to`
    /// is empty, it takes nothing and says nothing.
    pub fn take(&self, to: &mut [u8]) -> Take {
        let mut state = lock(&self.state);
        state.marked = false;
        if matches!(state.end, End::Aborted | End::Failed) {
            return Take::Aborted;
        }
        if to.is_empty() {
            return Take::Bytes(0);
        }
        state.taken = 0;
        let left = state.left();
        let len = if self.is_body() {
            state.frames.first().unwrap_or(0)
        } else {
            left.len().min(to.len())
        };
        let Some(to) = to.get_mut(..len) else {
            return Take::Large;
        };
        to.copy_from_slice(&left[..len]);
        self.leave(&mut state, len);
        // A large frame counts as waiting until JavaScript has written it; only then the end is reported.
        let is_last = state.out.is_empty() && state.has_ended() && len <= BATCH;
        state.taken = if is_last { 0 } else { len };
        let drain = state.take_drain();
        drop(state);
        notify(drain);
        if is_last {
            Take::Last(len)
        } else {
            Take::Bytes(len)
        }
    }

    /// Bytes of the next frame of a response body.
    pub fn next_frame(&self) -> usize {
        lock(&self.state).frames.first().unwrap_or(0)
    }

    /// JavaScript has taken `len` bytes.
    fn leave(&self, state: &mut State, len: usize) {
        if self.is_body() {
            state.frames.pop();
        }
        state.sent += len;
        if state.sent >= state.out.len() {
            self.reset(state);
        } else {
            state.compact();
        }
    }
}

impl State {
    fn take_batch(&mut self) -> Option<FrameBatch> {
        let first = self.frames.first()?;
        let (count, len) = match self.frames.within(BATCH) {
            (0, _) => (1, first),
            several => several,
        };
        let batch = if self.left().len() == len {
            let mut bytes = Bytes::from(std::mem::take(&mut self.out));
            bytes.advance(self.sent);
            self.sent = 0;
            FrameBatch::new(bytes, std::mem::take(&mut self.frames))
        } else {
            let bytes = Bytes::copy_from_slice(&self.left()[..len]);
            self.sent += len;
            self.compact();
            FrameBatch::new(bytes, self.frames.split_first(count))
        };
        self.taken = len;
        Some(batch)
    }
}
