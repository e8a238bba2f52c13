//! How bytes leave a send buffer if hyper or JavaScript writes them out.

use std::task::{Context, Poll};

use super::{BATCH, End, SendBuffer, State, notify};
use crate::lock;
use crate::server::frames::FrameBatch;

/// The result of [`SendBuffer::take`].
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
    /// websocket as fit. The bytes of the call before count as sent then. With an empty `to`, nothing is moved, and
    /// those bytes still wait.
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
        let len = if self.is_body() {
            state.frames.first().unwrap_or(0)
        } else {
            state.out.len().min(to.len())
        };
        let Some(to) = to.get_mut(..len) else {
            return Take::Large;
        };
        state.out.copy_to(to);
        self.leave(&mut state);
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

    /// The length of the next frame of a response body.
    pub fn next_frame(&self) -> usize {
        lock(&self.state).frames.first().unwrap_or(0)
    }

    /// Called when JavaScript has taken a frame of a response body, or bytes of a websocket.
    fn leave(&self, state: &mut State) {
        if self.is_body() {
            state.frames.pop();
        }
        if state.out.is_empty() {
            self.reset(state);
        } else {
            state.out.compact();
        }
    }
}

impl State {
    fn take_batch(&mut self) -> Option<FrameBatch> {
        let first = self.frames.first()?;
        // A frame is one write, and so lies in one chunk. Only frames of the same chunk are taken together.
        let max = self.out.chunk().len().min(BATCH);
        let (count, len) = match self.frames.within(max) {
            (0, _) => (1, first),
            several => several,
        };
        let bytes = self.out.take(len);
        self.out.compact();
        self.taken = len;
        Some(FrameBatch::new(bytes, self.frames.split_first(count)))
    }
}
