//! The messages of a session that wait for a receiver.

use bytes::Bytes;

use crate::byte_queue::ByteQueue;

/// Messages in quotes, joined by commas: the content of the `a[…]` frame in which they will be sent.
#[derive(Debug, Default)]
pub struct Queue {
    // `None` and boxed, because most sessions have no waiting messages.
    joined: Option<Box<ByteQueue>>,
}

impl Queue {
    /// Adds one message; `quote` appends it in quotes.
    pub fn push(&mut self, quote: impl FnOnce(&mut Vec<u8>)) {
        self.next().write(quote);
    }

    /// Adds one message in quotes, which other queues have too. It is not copied.
    pub fn push_shared(&mut self, quoted: Bytes) {
        self.next().write_shared(quoted);
    }

    /// The messages, with a comma after the last one.
    fn next(&mut self) -> &mut ByteQueue {
        let joined = self.joined.get_or_insert_default();
        if !joined.is_empty() {
            joined.write(|out| out.push(b','));
        }
        joined
    }

    /// Bytes that wait.
    pub fn len(&self) -> usize {
        self.joined.as_ref().map_or(0, |joined| joined.len())
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn take_frame(&mut self) -> Vec<u8> {
        let mut joined = self.joined.take().unwrap_or_default();
        let mut frame = Vec::with_capacity(joined.len() + 3);
        frame.extend_from_slice(b"a[");
        joined.append_to(&mut frame);
        frame.push(b']');
        frame
    }
}
