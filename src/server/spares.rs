//! Large buffers between two uses: connections that write much in a batch fill the same few again and
//! again, instead of growing one each.

use std::sync::Mutex;

use crate::lock;

/// Emptied buffers of one I/O thread.
#[derive(Debug, Default)]
pub struct Spares {
    // A std Mutex: held for a push or a pop.
    buffers: Mutex<Vec<Vec<u8>>>,
}

/// Buffers kept: one for each connection that a batch of 256 events with 16 for each brings, and more.
const COUNT: usize = 64;
/// Bytes of the largest buffer that is kept, so that all together hold 4 MiB at most.
const LARGEST: usize = 64 << 10;

impl Spares {
    /// An empty buffer, with room if there is one.
    pub fn take(&self) -> Vec<u8> {
        lock(&self.buffers).pop().unwrap_or_default()
    }

    /// The buffer is not used any more.
    pub fn give(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() > LARGEST {
            return;
        }
        buffer.clear();
        let mut buffers = lock(&self.buffers);
        if buffers.len() < COUNT {
            buffers.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_empty_and_with_its_room() {
        let spares = Spares::default();
        spares.give(vec![1; 5000]);
        let buffer = spares.take();
        assert!(buffer.is_empty() && buffer.capacity() >= 5000);
        assert_eq!(spares.take().capacity(), 0);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let spares = Spares::default();
        spares.give(vec![0; LARGEST + 1]);
        assert_eq!(spares.take().capacity(), 0);
        for _ in 0..2 * COUNT {
            spares.give(vec![0; LARGEST]);
        }
        assert_eq!(lock(&spares.buffers).len(), COUNT);
    }
}
