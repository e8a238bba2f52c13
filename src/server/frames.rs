//! The lengths of frames that follow each other in one buffer. Each frame becomes an HTTP chunk of its own, as in
//! sockjs 0.3.24.

use std::collections::VecDeque;

use bytes::Bytes;

/// Lengths of frames in bytes, in the order of the frames.
// Four bytes each: a client that reads nothing can have millions of short ones waiting.
#[derive(Debug, Default)]
pub struct Frames(VecDeque<u32>);

impl Frames {
    /// Adds a frame at the end. One of length 0 is ignored; one of 4 GiB or more becomes several.
    pub fn push(&mut self, len: usize) {
        let mut left = len;
        while left > 0 {
            let len = u32::try_from(left).unwrap_or(u32::MAX);
            self.0.push_back(len);
            left -= bytes(len);
        }
    }

    /// The length of the first frame.
    pub fn first(&self) -> Option<usize> {
        self.0.front().copied().map(bytes)
    }

    /// Removes the first frame, and returns its length.
    pub fn pop(&mut self) -> Option<usize> {
        self.0.pop_front().map(bytes)
    }

    /// How many of the first frames have at most `max` bytes together, and how many bytes these have.
    pub fn within(&self, max: usize) -> (usize, usize) {
        let mut sum = 0;
        for (index, len) in self.0.iter().copied().map(bytes).enumerate() {
            if len > max - sum {
                return (index, sum);
            }
            sum += len;
        }
        (self.0.len(), sum)
    }

    /// Removes the first `count` frames, and returns them.
    #[must_use]
    pub fn split_first(&mut self, count: usize) -> Self {
        let rest = self.0.split_off(count);
        Self(std::mem::replace(&mut self.0, rest))
    }

    /// Removes all but the first `count` frames.
    pub fn truncate(&mut self, count: usize) {
        self.0.truncate(count);
        self.0.shrink_to_fit();
    }
}

fn bytes(len: u32) -> usize {
    // `usize` has 32 bits or more where this runs.
    usize::try_from(len).unwrap_or(usize::MAX)
}

/// Frames that were taken together. The iterator returns them one by one.
#[derive(Debug)]
pub struct FrameBatch {
    bytes: Bytes,
    frames: Frames,
}

impl FrameBatch {
    /// The bytes of these frames.
    pub fn new(bytes: Bytes, frames: Frames) -> Self {
        Self { bytes, frames }
    }
}

impl Iterator for FrameBatch {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let len = self.frames.pop()?;
        Some(self.bytes.split_to(len.min(self.bytes.len())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(lens: &[usize]) -> Frames {
        let mut frames = Frames::default();
        for len in lens {
            frames.push(*len);
        }
        frames
    }

    #[test]
    fn the_first_frames_are_counted_as_long_as_they_fit() {
        assert_eq!(frames(&[]).within(10), (0, 0));
        assert_eq!(frames(&[3, 4, 5]).within(6), (1, 3));
        assert_eq!(frames(&[3, 4, 5]).within(7), (2, 7));
        assert_eq!(frames(&[3, 4, 5]).within(12), (3, 12));
        assert_eq!(frames(&[11, 1]).within(10), (0, 0));
    }

    #[test]
    fn the_first_frames_leave_and_the_others_stay() {
        let mut rest = frames(&[3, 4, 5]);
        let first = rest.split_first(2);
        assert_eq!(first.0, [3, 4]);
        assert_eq!(rest.first(), Some(5));
        rest.truncate(0);
        assert_eq!(rest.first(), None);
    }

    #[test]
    fn an_empty_frame_is_ignored_and_one_of_4_gib_becomes_several() {
        assert_eq!(frames(&[0]).first(), None);
        #[cfg(target_pointer_width = "64")]
        assert_eq!(frames(&[(4 << 30) + 1]).0, [u32::MAX, 2]);
    }

    #[test]
    fn a_batch_returns_its_frames_one_by_one() {
        let mut batch = FrameBatch::new(Bytes::from_static(b"hhho\na[]"), frames(&[3, 2, 3]));
        assert_eq!(batch.next().as_deref(), Some(b"hhh".as_slice()));
        assert_eq!(batch.next().as_deref(), Some(b"o\n".as_slice()));
        assert_eq!(batch.next().as_deref(), Some(b"a[]".as_slice()));
        assert_eq!(batch.next(), None);
    }
}
