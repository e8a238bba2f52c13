//! Queues of bytes. A queue has the same bytes as a list of its writes, whichever way they are added, taken and
//! dropped; and dropping bytes at a boundary cuts no write.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::OnceLock;

use bytes::Bytes;
use sockjs_rs::byte_queue::ByteQueue;

use super::input::Input;

/// Lengths of writes: short ones, ones that are shared, and ones that have a boundary.
const LENGTHS: [usize; 16] = [
    0, 1, 1, 2, 3, 7, 16, 40, 100, 500, 4096, 5000, 20_000, 65_535, 65_536, LONGEST,
];
const LONGEST: usize = 70_000;
/// No more bytes wait at once.
const MOST: usize = 200_000;
/// Up to this length all bytes are compared after each step.
const SHORT: usize = 4096;
/// About so many bytes lie between two boundaries.
const STEP: usize = 64 << 10;

/// A queue, and what it should have.
#[derive(Debug, Default)]
struct Scene {
    queue: ByteQueue,
    /// What has not left of each write.
    writes: VecDeque<Vec<u8>>,
    /// The first write has left in part.
    has_begun: bool,
    /// Bytes were dropped since the queue was last empty: it may have fewer boundaries.
    was_cut: bool,
    /// The length of the longest write since then.
    longest: usize,
    /// The value of the next byte.
    next: usize,
}

/// See the module.
pub fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let mut scene = Scene::default();
    while !input.is_empty() {
        scene.step(&mut input);
        scene.compare();
    }
    let mut all = b"before".to_vec();
    scene.queue.append_to(&mut all);
    assert_eq!(all.split_off(6), scene.contents());
    assert_eq!(all, b"before");
    assert!(scene.queue.is_empty() && scene.queue.is_plain());
}

impl Scene {
    fn step(&mut self, input: &mut Input<'_>) {
        match input.below(12) {
            0..=2 => {
                let bytes = self.bytes(input);
                let added = self.queue.write(|out| out.extend_from_slice(&bytes));
                assert_eq!(added, bytes.len());
                self.wrote(bytes);
            }
            3..=5 => {
                let bytes = self.bytes(input);
                self.queue.write_shared(Bytes::from(bytes.clone()));
                self.wrote(bytes);
            }
            6 => {
                let len = self.position(input);
                self.queue.advance(len);
                self.leave(len);
            }
            7 => {
                let len = self.position(input);
                let taken = self.queue.take(len);
                assert_eq!(taken, self.leave(len));
            }
            8 => {
                let len = self.position(input);
                let mut to = vec![0; len];
                self.queue.copy_to(&mut to);
                assert_eq!(to, self.leave(len));
            }
            9 => self.queue.compact(),
            10 => {
                let len = self.position(input);
                self.queue.truncate(len);
                self.keep(len);
            }
            _ if input.below(4) == 0 => {
                let buffer = self.queue.clear();
                assert!(buffer.is_empty());
                self.queue.lend(buffer);
                self.writes.clear();
                self.compared_as_empty();
            }
            _ => self.truncate_at_boundary(),
        }
    }

    fn bytes(&mut self, input: &mut Input<'_>) -> Vec<u8> {
        static ALL: OnceLock<Vec<u8>> = OnceLock::new();
        let len = input.pick(&LENGTHS);
        if self.queue.len() + len > MOST {
            return Vec::new();
        }
        // A shift by a power of two is noticed, because the bytes repeat after a prime number of them.
        let all = ALL.get_or_init(|| (0..251).cycle().take(251 + LONGEST).collect());
        let bytes = all[self.next..self.next + len].to_vec();
        self.next = (self.next + len) % 251;
        bytes
    }

    fn wrote(&mut self, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.longest = self.longest.max(bytes.len());
            self.writes.push_back(bytes);
        }
    }

    /// A number of bytes that wait: up to the end of a write, or about there.
    fn position(&self, input: &mut Input<'_>) -> usize {
        let count = input.below(self.writes.len().min(255) + 1);
        let end: usize = self.writes.iter().take(count).map(Vec::len).sum();
        let len = self.queue.len();
        match input.below(4) {
            0 => end,
            1 => end.saturating_sub(1),
            2 => (end + 1).min(len),
            _ => (end + usize::from(input.byte()) * 97).min(len),
        }
    }

    /// The first bytes leave.
    fn leave(&mut self, len: usize) -> Vec<u8> {
        let mut left = Vec::with_capacity(len);
        while left.len() < len {
            let first = self.writes.front_mut().expect("so many bytes wait");
            let rest = first.split_off(first.len().min(len - left.len()));
            left.extend(std::mem::replace(first, rest));
            self.has_begun = !self.writes[0].is_empty();
            if !self.has_begun {
                self.writes.pop_front();
            }
        }
        left
    }

    /// All but the first bytes are dropped.
    fn keep(&mut self, mut len: usize) {
        self.was_cut = true;
        self.writes.retain_mut(|write| {
            write.truncate(len);
            len -= write.len();
            !write.is_empty()
        });
    }

    fn truncate_at_boundary(&mut self) {
        let before = self.queue.len();
        self.queue.truncate_at_boundary();
        let kept = self.queue.len();
        let mut end = 0;
        let mut cuts_none = kept == 0 && !self.has_begun;
        for write in &self.writes {
            end += write.len();
            cuts_none |= end == kept;
        }
        assert!(
            cuts_none || before == 0,
            "{kept} of {before} bytes were kept"
        );
        if !self.was_cut {
            assert!(
                kept <= STEP + self.longest,
                "{kept} of {before} bytes were kept"
            );
        }
        self.keep(kept);
    }

    fn contents(&self) -> Vec<u8> {
        self.writes.iter().flatten().copied().collect()
    }

    fn compared_as_empty(&mut self) {
        self.has_begun = false;
        self.was_cut = false;
        self.longest = 0;
    }

    fn compare(&mut self) {
        let len: usize = self.writes.iter().map(Vec::len).sum();
        assert_eq!(self.queue.len(), len);
        assert_eq!(self.queue.is_empty(), len == 0);
        let Some(first) = self.writes.front() else {
            assert!(self.queue.chunk().is_empty());
            return self.compared_as_empty();
        };
        // A body takes one write after the other from the first chunk.
        assert!(self.queue.chunk().starts_with(first));
        if len <= SHORT {
            let mut slices = [IoSlice::new(&[]); 32];
            let count = self.queue.slices(&mut slices);
            let bytes: Vec<u8> = slices[..count].iter().flat_map(|it| it.to_vec()).collect();
            let all = self.contents();
            assert!(all.starts_with(&bytes));
            assert!(count == slices.len() || bytes == all);
        }
    }
}
