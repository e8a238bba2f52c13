//! Bytes in the order in which they leave: own bytes, and bytes that several queues share.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes};

/// A queue of bytes. Without shared bytes it is one `Vec`.
#[derive(Debug, Default)]
pub struct ByteQueue {
    front: Own,
    /// Bytes at the start of `front` that have left.
    sent: usize,
    /// The bytes after `front`. `None` without shared bytes, so that most queues are small.
    rest: Option<Box<Rest>>,
}

#[derive(Debug, Default)]
struct Own {
    bytes: Vec<u8>,
    /// Positions at which writes begin, one for about [`STEP`] bytes.
    boundaries: Vec<usize>,
}

#[derive(Debug, Default)]
struct Rest {
    segments: VecDeque<Segment>,
    len: usize,
}

#[derive(Debug)]
enum Segment {
    Own(Own),
    /// One write.
    Shared(Bytes),
}

/// Bytes from which on a write is worth sharing: a shorter one is copied into each queue.
pub const SHARE_FROM: usize = 4096;
/// About this many bytes lie between two boundaries; more if a single write is larger.
const STEP: usize = 64 << 10;

impl ByteQueue {
    /// Bytes that have not left.
    pub fn len(&self) -> usize {
        let rest = self.rest.as_ref().map_or(0, |rest| rest.len);
        self.front.bytes.len() - self.sent + rest
    }

    /// Whether all bytes have left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Own bytes at the front, including those that have left since the queue was last empty.
    pub fn own_len(&self) -> usize {
        self.front.bytes.len()
    }

    /// Whether own bytes can be added without a new allocation: false for a new or emptied queue.
    pub fn has_room(&self) -> bool {
        self.rest.is_some() || self.front.bytes.capacity() > 0
    }

    /// Adds one write; `append` may only add bytes. Returns how many it has added.
    pub fn write(&mut self, append: impl FnOnce(&mut Vec<u8>)) -> usize {
        let Some(rest) = &mut self.rest else {
            return self.front.write(append);
        };
        let len = if let Some(Segment::Own(own)) = rest.segments.back_mut() {
            own.write(append)
        } else {
            let mut own = Own::default();
            let len = own.write(append);
            rest.segments.push_back(Segment::Own(own));
            len
        };
        rest.len += len;
        len
    }

    /// Adds one write of bytes that other queues may have too. They are not copied.
    pub fn write_shared(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        let rest = self.rest.get_or_insert_default();
        rest.len += bytes.len();
        rest.segments.push_back(Segment::Shared(bytes));
    }

    /// Lends the next bytes as slices, for one system call. Returns how many slices there are.
    pub fn slices<'a>(&'a self, to: &mut [IoSlice<'a>]) -> usize {
        let mut count = 0;
        let front = &self.front.bytes[self.sent..];
        let rest = self.rest.iter().flat_map(|rest| &rest.segments);
        let rest = rest.map(|segment| match segment {
            Segment::Own(own) => own.bytes.as_slice(),
            Segment::Shared(bytes) => bytes,
        });
        let slices = std::iter::once(front).chain(rest);
        for (slot, slice) in to.iter_mut().zip(slices.filter(|slice| !slice.is_empty())) {
            *slot = IoSlice::new(slice);
            count += 1;
        }
        count
    }

    /// Whether all bytes are in one slice.
    pub fn is_plain(&self) -> bool {
        self.rest.is_none()
    }

    /// The next bytes, which are all bytes of a queue that is plain.
    pub fn chunk(&self) -> &[u8] {
        let front = &self.front.bytes[self.sent..];
        if !front.is_empty() {
            return front;
        }
        match self.rest.as_ref().and_then(|rest| rest.segments.front()) {
            Some(Segment::Own(own)) => &own.bytes,
            Some(Segment::Shared(bytes)) => bytes,
            None => front,
        }
    }

    /// The first `len` bytes have left.
    pub fn advance(&mut self, mut len: usize) {
        loop {
            let front = self.front.bytes.len() - self.sent;
            let Some(rest) = &mut self.rest else {
                self.sent += len.min(front);
                return;
            };
            if len < front {
                self.sent += len;
                return;
            }
            len -= front;
            self.front = Own::default();
            self.sent = 0;
            match rest.segments.pop_front() {
                Some(Segment::Own(own)) => {
                    rest.len -= own.bytes.len();
                    self.front = own;
                }
                Some(Segment::Shared(mut bytes)) => {
                    let taken = len.min(bytes.len());
                    bytes.advance(taken);
                    rest.len -= taken;
                    len -= taken;
                    if !bytes.is_empty() {
                        rest.segments.push_front(Segment::Shared(bytes));
                        return;
                    }
                }
                None => {}
            }
            if rest.segments.is_empty() {
                self.rest = None;
            }
        }
    }

    /// Takes the first `len` bytes out. If they are all of a shared write, or all bytes, they are not copied.
    pub fn take(&mut self, len: usize) -> Bytes {
        if self.is_plain() && self.len() == len {
            let sent = std::mem::take(&mut self.sent);
            let mut bytes = Bytes::from(std::mem::take(&mut self.front).bytes);
            bytes.advance(sent);
            return bytes;
        }
        if self.front.bytes.len() == self.sent
            && let Some(rest) = &self.rest
            && let Some(Segment::Shared(bytes)) = rest.segments.front()
            && bytes.len() == len
        {
            let bytes = bytes.clone();
            self.advance(len);
            return bytes;
        }
        let mut bytes = vec![0; len];
        self.copy_to(&mut bytes);
        bytes.into()
    }

    /// Appends all bytes to `to`, and empties the queue.
    pub fn append_to(&mut self, to: &mut Vec<u8>) {
        while !self.is_empty() {
            let chunk = self.chunk();
            to.extend_from_slice(chunk);
            let len = chunk.len();
            self.advance(len);
        }
    }

    /// Moves the first bytes into `to`, which is not larger than the queue.
    pub fn copy_to(&mut self, mut to: &mut [u8]) {
        while !to.is_empty() {
            let chunk = self.chunk();
            let len = chunk.len().min(to.len());
            if len == 0 {
                return;
            }
            let (first, rest) = std::mem::take(&mut to).split_at_mut(len);
            first.copy_from_slice(&chunk[..len]);
            to = rest;
            self.advance(len);
        }
    }

    /// Gives back memory of bytes that have left, once they are more than half of the own bytes: so the cost stays
    /// linear when a slow client takes a large buffer in small pieces.
    pub fn compact(&mut self) {
        let sent = self.sent;
        if sent > self.front.bytes.len() / 2 {
            self.front.remove_first(sent);
            self.sent = 0;
        }
    }

    /// Drops all bytes but the first `len`.
    pub fn truncate(&mut self, len: usize) {
        let front = self.front.bytes.len() - self.sent;
        if len <= front {
            self.rest = None;
            self.front.bytes.truncate(self.sent + len);
        } else if let Some(rest) = &mut self.rest {
            rest.truncate(len - front);
        }
        self.shrink();
    }

    /// Drops the bytes after the first boundary between two writes, if there is one, so that no write is cut.
    pub fn truncate_at_boundary(&mut self) {
        let sent = self.sent;
        let boundary = self.front.boundaries.iter().find(|at| **at >= sent);
        let keep = if let Some(boundary) = boundary {
            boundary - sent
        } else if let Some(rest) = &self.rest {
            match (self.front.bytes.len() - sent, rest.segments.front()) {
                // The first write is a shared one, which may have left in part.
                (0, Some(Segment::Shared(bytes))) => bytes.len(),
                // A shared write follows: there is a boundary before it.
                (front, _) => front,
            }
        } else {
            return;
        };
        self.truncate(keep);
    }

    fn shrink(&mut self) {
        self.front.remove_first(self.sent);
        self.front.bytes.shrink_to_fit();
        self.front.boundaries = Vec::new();
        self.sent = 0;
    }

    /// Empties the queue. Returns the largest buffer of own bytes, empty, for another use.
    pub fn clear(&mut self) -> Vec<u8> {
        self.sent = 0;
        self.rest = None;
        let mut bytes = std::mem::take(&mut self.front).bytes;
        bytes.clear();
        bytes
    }

    /// Lets an empty queue use this buffer, which is empty.
    pub fn lend(&mut self, buffer: Vec<u8>) {
        self.front.bytes = buffer;
    }
}

impl Own {
    fn write(&mut self, append: impl FnOnce(&mut Vec<u8>)) -> usize {
        let start = self.bytes.len();
        append(&mut self.bytes);
        let last = self.boundaries.last().copied().unwrap_or(0);
        if self.bytes.len() - last >= STEP {
            self.boundaries.push(start);
        }
        self.bytes.len() - start
    }

    fn remove_first(&mut self, len: usize) {
        self.bytes.drain(..len);
        self.boundaries.retain(|boundary| *boundary >= len);
        for boundary in &mut self.boundaries {
            *boundary -= len;
        }
    }
}

impl Rest {
    fn truncate(&mut self, len: usize) {
        let mut left = len;
        let kept = |segment: &mut Segment| {
            let bytes = match segment {
                Segment::Own(own) => {
                    own.bytes.truncate(left);
                    own.boundaries.retain(|boundary| *boundary < left);
                    own.bytes.len()
                }
                Segment::Shared(bytes) => {
                    bytes.truncate(left);
                    bytes.len()
                }
            };
            left -= bytes;
            bytes > 0
        };
        self.segments.retain_mut(kept);
        self.len = len - left;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(queue: &ByteQueue) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); 16];
        let count = queue.slices(&mut slices);
        let bytes: Vec<u8> = slices[..count]
            .iter()
            .flat_map(|slice| slice.to_vec())
            .collect();
        assert_eq!(bytes.len(), queue.len());
        bytes
    }

    fn write(queue: &mut ByteQueue, text: &str) {
        queue.write(|out| out.extend_from_slice(text.as_bytes()));
    }

    /// "abc", then "SHARED", then "de", then "ALSO".
    fn mixed() -> ByteQueue {
        let mut queue = ByteQueue::default();
        write(&mut queue, "abc");
        queue.write_shared(Bytes::from_static(b"SHARED"));
        write(&mut queue, "d");
        write(&mut queue, "e");
        queue.write_shared(Bytes::from_static(b"ALSO"));
        queue
    }

    #[test]
    fn own_and_shared_bytes_leave_in_the_order_of_their_writes() {
        assert_eq!(contents(&mixed()), b"abcSHAREDdeALSO");
        for step in 1..=15 {
            let mut queue = mixed();
            let mut left = Vec::new();
            while !queue.is_empty() {
                let len = queue.chunk().len().min(step);
                left.extend_from_slice(&queue.chunk()[..len]);
                queue.advance(len);
            }
            assert_eq!(left, b"abcSHAREDdeALSO");
            assert!(queue.is_plain());
        }
    }

    #[test]
    fn any_number_of_bytes_can_leave_at_once() {
        for first in 0..=15 {
            let mut queue = mixed();
            queue.advance(first);
            assert_eq!(contents(&queue), &b"abcSHAREDdeALSO"[first..]);
            write(&mut queue, "z");
            assert_eq!(queue.take(16 - first), &b"abcSHAREDdeALSOz"[first..]);
            assert_eq!(queue.len(), 0);
        }
    }

    #[test]
    fn a_whole_shared_write_is_taken_without_a_copy() {
        let shared = Bytes::from(vec![7; 5000]);
        let mut queue = ByteQueue::default();
        queue.write_shared(shared.clone());
        write(&mut queue, "x");
        assert_eq!(queue.take(5000).as_ptr(), shared.as_ptr());
        assert_eq!(contents(&queue), b"x");
    }

    #[test]
    fn bytes_can_be_dropped_from_any_place_on() {
        for len in 0..=15 {
            for sent in 0..=len {
                let mut queue = mixed();
                queue.advance(sent);
                queue.truncate(len - sent);
                assert_eq!(contents(&queue), &b"abcSHAREDdeALSO"[sent..len]);
                write(&mut queue, "!");
                assert_eq!(queue.len(), len - sent + 1);
            }
        }
    }

    #[test]
    fn no_write_is_cut_when_the_queue_is_truncated_at_a_boundary() {
        let cases: [(usize, &[u8]); 6] = [
            (0, b"abc"),
            (2, b"c"),
            (3, b"SHARED"),
            (4, b"HARED"),
            (9, b"de"),
            (11, b"ALSO"),
        ];
        for (sent, kept) in cases {
            let mut queue = mixed();
            queue.advance(sent);
            queue.truncate_at_boundary();
            assert_eq!(contents(&queue), kept, "{sent} had left");
        }
    }

    #[test]
    fn long_own_writes_have_boundaries_wherever_they_stand() {
        let long = vec![b'l'; STEP];
        for begins_shared in [false, true] {
            let mut queue = ByteQueue::default();
            if begins_shared {
                queue.write_shared(Bytes::from_static(b"s"));
                queue.write(|out| out.extend_from_slice(&long));
                queue.advance(1);
            } else {
                queue.write(|out| out.extend_from_slice(&long));
            }
            queue.write(|out| out.extend_from_slice(&long));
            queue.advance(10);
            queue.compact();
            queue.truncate_at_boundary();
            assert_eq!(queue.len(), STEP - 10);
            queue.truncate_at_boundary();
            assert_eq!(queue.len(), STEP - 10);
        }
    }

    #[test]
    fn compacting_and_copying_keep_the_rest() {
        let mut queue = mixed();
        queue.advance(2);
        queue.compact();
        let mut to = [0; 9];
        queue.copy_to(&mut to);
        assert_eq!(&to, b"cSHAREDde");
        assert_eq!(contents(&queue), b"ALSO");
        assert!(queue.clear().is_empty() && queue.is_empty() && queue.is_plain());
    }
}
