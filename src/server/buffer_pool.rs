//! Large buffers that are not in use. Connections that write much in a batch reuse the same few, so that not
//! each of them has to grow its own.

use std::sync::Mutex;

use crate::lock;

/// Emptied buffers of one I/O thread.
#[derive(Debug, Default)]
pub struct BufferPool {
    // A std Mutex: held for a push or a pop.
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    buffers: Vec<Vec<u8>>,
    /// Sum of their capacities.
    capacity: usize,
}

/// Bound of that sum, in bytes: enough for each of 100 connections to write sixteen messages of a kilobyte in a batch.
const MAX_CAPACITY: usize = 4 << 20;
/// Capacity of the largest buffer that is kept, in bytes.
const LARGEST: usize = 64 << 10;

impl BufferPool {
    /// An empty buffer: a kept one if there is one, else one without capacity.
    pub fn take(&self) -> Vec<u8> {
        let mut kept = lock(&self.kept);
        let buffer = kept.buffers.pop().unwrap_or_default();
        kept.capacity -= buffer.capacity();
        buffer
    }

    /// Takes back a buffer that is no longer used. It is freed if it is too large, or if the pool is full.
    pub fn give(&self, mut buffer: Vec<u8>) {
        let capacity = buffer.capacity();
        if capacity == 0 || capacity > LARGEST {
            return;
        }
        buffer.clear();
        let mut kept = lock(&self.kept);
        if kept.capacity + capacity <= MAX_CAPACITY {
            kept.capacity += capacity;
            kept.buffers.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_empty_and_with_its_capacity() {
        let buffer_pool = BufferPool::default();
        buffer_pool.give(vec![1; 5000]);
        let buffer = buffer_pool.take();
        assert!(buffer.is_empty() && buffer.capacity() >= 5000);
        assert_eq!(buffer_pool.take().capacity(), 0);
    }

    #[test]
    fn the_pool_is_bounded() {
        let buffer_pool = BufferPool::default();
        buffer_pool.give(vec![0; LARGEST + 1]);
        assert_eq!(buffer_pool.take().capacity(), 0);
        for _ in 0..2 * MAX_CAPACITY / LARGEST {
            buffer_pool.give(vec![0; LARGEST]);
        }
        assert_eq!(lock(&buffer_pool.kept).capacity, MAX_CAPACITY);
        assert_eq!(buffer_pool.take().capacity(), LARGEST);
        assert_eq!(lock(&buffer_pool.kept).capacity, MAX_CAPACITY - LARGEST);
    }
}
