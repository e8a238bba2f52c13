//! Who should read: the JavaScript thread while few connections are busy, else the I/O threads. No clock:
//! time is an argument.

use std::time::Instant;

use crate::server::socket::PollCount;

/// Judges the turns of the thread that reads, and says when the other should.
#[derive(Debug)]
pub(super) struct ReadPolicy {
    /// How many times in a row there was so much to do, or so little, that the other should read.
    streak: u32,
    /// When the last turn with much to do ended, if the last turn was one.
    last_poll: Option<Instant>,
    /// Turns since the JavaScript thread reads.
    turns: u32,
    /// Calm batches in a row after which it reads again.
    calm_batches: u32,
}

/// A turn with more sockets or bytes than this is a busy one, if turns take at least this part of the
/// thread's time: where the application takes the rest, it would win little by giving them away.
const BUSY_SOCKETS: usize = 4;
const BUSY_BYTES: usize = 32 << 10;
const BUSY_PART: u32 = 10;
/// After so many busy turns in a row the I/O threads read.
const BUSY_TURNS: u32 = 8;
/// After so many batches in a row of no more than [`CALM_EVENTS`] the JavaScript thread reads again.
const CALM_BATCHES: u32 = 256;
const CALM_EVENTS: usize = 2;
/// That was too early if it gives the reading away within so many turns. It then waits four times as long,
/// up to this: several I/O threads bring so little at a time that each looks calm.
const EARLY_TURNS: u32 = 1024;
const MOST_CALM_BATCHES: u32 = CALM_BATCHES << 10;

impl ReadPolicy {
    pub(super) fn new() -> Self {
        Self {
            streak: 0,
            last_poll: None,
            turns: 0,
            calm_batches: CALM_BATCHES,
        }
    }

    /// Whether [`ReadPolicy::handle_poll`] wants to know when the next turn begins.
    pub(super) fn wants_start(&self) -> bool {
        self.last_poll.is_some()
    }

    /// The JavaScript thread has read, from `start` until now; `now` is asked for where it counts. True
    /// when the I/O threads should do so from now on.
    pub(super) fn handle_poll(
        &mut self,
        turn: PollCount,
        start: Option<Instant>,
        now: impl FnOnce() -> Instant,
    ) -> bool {
        self.turns = self.turns.saturating_add(1);
        if turn.sockets <= BUSY_SOCKETS && turn.bytes <= BUSY_BYTES {
            self.streak = 0;
            self.last_poll = None;
            return false;
        }
        let now = now();
        let is_busy = match (start, self.last_poll.replace(now)) {
            (Some(start), Some(last)) => (now - start) * BUSY_PART >= now - last,
            _ => true,
        };
        self.streak = if is_busy { self.streak + 1 } else { 0 };
        if self.streak < BUSY_TURNS {
            return false;
        }
        self.calm_batches = if self.turns < EARLY_TURNS {
            (self.calm_batches * 4).min(MOST_CALM_BATCHES)
        } else {
            CALM_BATCHES
        };
        self.change();
        true
    }

    /// A batch of so many events has come from the I/O threads. True when the JavaScript thread should read
    /// from now on.
    pub(super) fn handle_batch(&mut self, events: usize) -> bool {
        self.streak = if events > CALM_EVENTS {
            0
        } else {
            self.streak + 1
        };
        let calm = self.streak >= self.calm_batches;
        if calm {
            self.change();
        }
        calm
    }

    fn change(&mut self) {
        self.streak = 0;
        self.last_poll = None;
        self.turns = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MANY: PollCount = PollCount {
        sockets: BUSY_SOCKETS + 1,
        bytes: 0,
    };
    const FEW: PollCount = PollCount {
        sockets: BUSY_SOCKETS,
        bytes: BUSY_BYTES,
    };

    /// A policy with a clock of its own.
    struct Scene {
        policy: ReadPolicy,
        now: Instant,
    }

    impl Scene {
        fn new() -> Self {
            Self {
                policy: ReadPolicy::new(),
                now: Instant::now(),
            }
        }

        /// A turn of so many microseconds, after so many that the application took.
        fn turn(&mut self, turn: PollCount, application: u64, reading: u64) -> bool {
            self.now += Duration::from_micros(application);
            let start = self.policy.wants_start().then_some(self.now);
            self.now += Duration::from_micros(reading);
            self.policy.handle_poll(turn, start, || self.now)
        }

        /// How many busy turns it takes until the reading is given away, if it ever is.
        fn busy_turns(&mut self) -> Option<u32> {
            (1..1000).find(|_| self.turn(MANY, 50, 50))
        }

        /// How many calm batches it takes until the JavaScript thread reads again.
        fn calm_batches(&mut self) -> u32 {
            let calm = (1..=MOST_CALM_BATCHES).find(|_| self.policy.handle_batch(1));
            calm.unwrap_or_default()
        }
    }

    #[test]
    fn many_busy_sockets_are_given_away() {
        let mut scene = Scene::new();
        assert_eq!(scene.busy_turns(), Some(BUSY_TURNS));
    }

    #[test]
    fn few_sockets_stay_and_interrupt_a_streak() {
        let mut scene = Scene::new();
        for _ in 0..10 {
            for _ in 1..BUSY_TURNS {
                assert!(!scene.turn(MANY, 50, 50));
            }
            assert!(!scene.turn(FEW, 50, 50));
        }
    }

    #[test]
    fn many_bytes_are_busy_too() {
        let mut scene = Scene::new();
        let bytes = BUSY_BYTES + 1;
        let turns = (1..1000).find(|_| scene.turn(PollCount { sockets: 1, bytes }, 50, 50));
        assert_eq!(turns, Some(BUSY_TURNS));
    }

    #[test]
    fn reading_stays_where_the_application_takes_the_time() {
        let mut scene = Scene::new();
        for _ in 0..1000 {
            assert!(!scene.turn(MANY, 2000, 50));
        }
    }

    #[test]
    fn calm_brings_the_reading_back() {
        let mut scene = Scene::new();
        for _ in 0..EARLY_TURNS {
            scene.turn(FEW, 10, 10);
        }
        assert_eq!(scene.busy_turns(), Some(BUSY_TURNS));
        for _ in 1..CALM_BATCHES {
            assert!(!scene.policy.handle_batch(CALM_EVENTS));
        }
        assert!(!scene.policy.handle_batch(CALM_EVENTS + 1));
        assert_eq!(scene.calm_batches(), CALM_BATCHES);
    }

    #[test]
    fn who_took_it_back_too_early_waits_longer() {
        let mut scene = Scene::new();
        let mut waits = Vec::new();
        for _ in 0..8 {
            scene.busy_turns();
            waits.push(scene.calm_batches());
        }
        assert_eq!(waits[..3], [4, 16, 64].map(|times| times * CALM_BATCHES));
        assert_eq!(waits[7], MOST_CALM_BATCHES);
    }
}
