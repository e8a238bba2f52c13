//! Decides which threads should read: the JavaScript thread while few connections are busy, or else the I/O threads. It has
//! no clock: time is an argument.

use std::time::Instant;

use crate::server::socket::PollCount;

/// Judges what one thread reads, and decides when the other should read.
#[derive(Debug)]
pub(super) struct ReadPolicy {
    /// How many times in a row there was so much to read, or so little, that the other should read.
    streak: u32,
    /// The end of the last poll, if that was a large one.
    last_large_poll: Option<Instant>,
    /// The number of polls since the JavaScript thread reads.
    polls: u32,
    /// After this many small batches in a row, the JavaScript thread reads again.
    small_batches: u32,
}

/// A poll with more sockets or bytes than this is a large one.
const LARGE_SOCKETS: usize = 4;
const LARGE_BYTES: usize = 32 << 10;
/// A large poll is busy if it has taken at least 1/`BUSY_PART` of the time since the previous large poll. Below that, the
/// application uses most of the thread, and I/O threads that read would help little.
const BUSY_PART: u32 = 10;
/// After this many busy polls in a row, the I/O threads read.
const BUSY_POLLS: u32 = 8;
/// After this many small batches in a row, the JavaScript thread reads again; see [`MOST_SMALL_BATCHES`] for later times. A
/// small batch has at most [`SMALL_EVENTS`] events.
const SMALL_BATCHES: u32 = 256;
const SMALL_EVENTS: usize = 2;
/// If the JavaScript thread reads for fewer polls than this, it has begun too early. It then waits for four times as many
/// small batches, up to [`MOST_SMALL_BATCHES`]: several I/O threads bring few events at a time, so each batch is small.
const EARLY_POLLS: u32 = 1024;
const MOST_SMALL_BATCHES: u32 = SMALL_BATCHES << 10;

impl ReadPolicy {
    pub(super) fn new() -> Self {
        Self {
            streak: 0,
            last_large_poll: None,
            polls: 0,
            small_batches: SMALL_BATCHES,
        }
    }

    /// Whether [`ReadPolicy::handle_poll`] needs the time when the next poll begins.
    pub(super) fn wants_start(&self) -> bool {
        self.last_large_poll.is_some()
    }

    /// The JavaScript thread has polled, from `start` until now. Returns whether the I/O threads should read from now on.
    /// `now` is called only if the time matters.
    pub(super) fn handle_poll(
        &mut self,
        count: PollCount,
        start: Option<Instant>,
        now: impl FnOnce() -> Instant,
    ) -> bool {
        self.polls = self.polls.saturating_add(1);
        if count.sockets <= LARGE_SOCKETS && count.bytes <= LARGE_BYTES {
            self.streak = 0;
            self.last_large_poll = None;
            return false;
        }
        let now = now();
        let is_busy = match (start, self.last_large_poll.replace(now)) {
            (Some(start), Some(last)) => (now - start) * BUSY_PART >= now - last,
            _ => true,
        };
        self.streak = if is_busy { self.streak + 1 } else { 0 };
        if self.streak < BUSY_POLLS {
            return false;
        }
        self.small_batches = if self.polls < EARLY_POLLS {
            (self.small_batches * 4).min(MOST_SMALL_BATCHES)
        } else {
            SMALL_BATCHES
        };
        self.change();
        true
    }

    /// The I/O threads have brought a batch of events. Returns whether the JavaScript thread should read from now on.
    pub(super) fn handle_batch(&mut self, events: usize) -> bool {
        self.streak = if events > SMALL_EVENTS {
            0
        } else {
            self.streak + 1
        };
        let is_js_to_read = self.streak >= self.small_batches;
        if is_js_to_read {
            self.change();
        }
        is_js_to_read
    }

    fn change(&mut self) {
        self.streak = 0;
        self.last_large_poll = None;
        self.polls = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MANY: PollCount = PollCount {
        sockets: LARGE_SOCKETS + 1,
        bytes: 0,
    };
    const FEW: PollCount = PollCount {
        sockets: LARGE_SOCKETS,
        bytes: LARGE_BYTES,
    };

    /// A policy with a simulated clock.
    struct Simulation {
        policy: ReadPolicy,
        now: Instant,
    }

    impl Simulation {
        fn new() -> Self {
            Self {
                policy: ReadPolicy::new(),
                now: Instant::now(),
            }
        }

        /// A poll that takes `reading` microseconds, after `application` microseconds of the application. Returns whether
        /// the I/O threads should read.
        fn poll(&mut self, count: PollCount, application: u64, reading: u64) -> bool {
            self.now += Duration::from_micros(application);
            let start = self.policy.wants_start().then_some(self.now);
            self.now += Duration::from_micros(reading);
            self.policy.handle_poll(count, start, || self.now)
        }

        /// The number of busy polls until the I/O threads should read.
        fn busy_polls(&mut self) -> Option<u32> {
            (1..1000).find(|_| self.poll(MANY, 50, 50))
        }

        /// The number of small batches until the JavaScript thread should read.
        fn small_batches(&mut self) -> u32 {
            let batches = (1..=MOST_SMALL_BATCHES).find(|_| self.policy.handle_batch(1));
            batches.unwrap_or_default()
        }
    }

    #[test]
    fn with_many_busy_sockets_the_io_threads_read() {
        let mut simulation = Simulation::new();
        assert_eq!(simulation.busy_polls(), Some(BUSY_POLLS));
    }

    #[test]
    fn a_poll_with_few_sockets_interrupts_a_streak() {
        let mut simulation = Simulation::new();
        for _ in 0..10 {
            for _ in 1..BUSY_POLLS {
                assert!(!simulation.poll(MANY, 50, 50));
            }
            assert!(!simulation.poll(FEW, 50, 50));
        }
    }

    #[test]
    fn with_many_bytes_the_io_threads_read() {
        let mut simulation = Simulation::new();
        let bytes = LARGE_BYTES + 1;
        let polls = (1..1000).find(|_| simulation.poll(PollCount { sockets: 1, bytes }, 50, 50));
        assert_eq!(polls, Some(BUSY_POLLS));
    }

    #[test]
    fn the_javascript_thread_reads_if_the_application_takes_most_of_its_time() {
        let mut simulation = Simulation::new();
        for _ in 0..1000 {
            assert!(!simulation.poll(MANY, 2000, 50));
        }
    }

    #[test]
    fn after_small_batches_the_javascript_thread_reads_again() {
        let mut simulation = Simulation::new();
        for _ in 0..EARLY_POLLS {
            simulation.poll(FEW, 10, 10);
        }
        assert_eq!(simulation.busy_polls(), Some(BUSY_POLLS));
        for _ in 1..SMALL_BATCHES {
            assert!(!simulation.policy.handle_batch(SMALL_EVENTS));
        }
        assert!(!simulation.policy.handle_batch(SMALL_EVENTS + 1));
        assert_eq!(simulation.small_batches(), SMALL_BATCHES);
    }

    #[test]
    fn a_thread_that_read_again_too_early_waits_longer() {
        let mut simulation = Simulation::new();
        let mut waits = Vec::new();
        for _ in 0..8 {
            simulation.busy_polls();
            waits.push(simulation.small_batches());
        }
        assert_eq!(waits[..3], [4, 16, 64].map(|times| times * SMALL_BATCHES));
        assert_eq!(waits[7], MOST_SMALL_BATCHES);
    }
}
