//! The properties of `fuzz/checks`, with the committed seeds, what comes near them, and random bytes.
//! Which bytes is decided by a fixed number; `npm run fuzz` looks further.

#[allow(
    unreachable_pub,
    dead_code,
    reason = "it is also a crate of its own, which shows them"
)]
mod checks;

use std::fs;
use std::path::Path;

/// Inputs a property, besides the seeds.
const INPUTS: u32 = 3000;
/// Bytes of the longest.
const LONGEST: u64 = 200;

#[test]
fn payloads_are_taken_as_json_parse_takes_them() {
    holds("payloads");
}

#[test]
fn quoting_is_that_of_0_3_24_and_reads_as_the_same_string() {
    holds("quoting");
}

#[test]
fn targets_and_routes_mean_the_same_however_they_are_written() {
    holds("targets");
}

#[test]
fn a_session_closes_once_and_loses_nothing_before() {
    holds("session");
}

#[test]
fn the_gate_lets_through_what_is_exactly_one_plain_request() {
    holds("gate");
}

#[test]
fn a_websocket_is_decoded_the_same_in_any_pieces() {
    holds("websocket");
}

#[test]
fn hixie_76_is_decoded_the_same_in_any_pieces() {
    holds("hixie");
}

fn holds(name: &'static str) {
    let all = checks::ALL.iter().find(|(other, _)| *other == name);
    let (_, check) = all.expect("there is a check of this name");
    let seeds = seeds(name);
    assert!(!seeds.is_empty(), "the seeds are there");
    for seed in &seeds {
        judge(name, *check, seed);
    }
    let mut random = Random(0x5eed);
    for _ in 0..INPUTS {
        let mut input = if random.below(2) == 0 {
            (0..random.below(LONGEST)).map(|_| random.byte()).collect()
        } else {
            seeds[random.index(seeds.len())].clone()
        };
        for _ in 0..random.below(4) {
            random.change(&mut input);
        }
        judge(name, *check, &input);
    }
}

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(name);
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("every target has seeds")
        .map(|entry| entry.expect("it can be listed").path())
        .collect();
    files.sort();
    files
        .iter()
        .map(|file| fs::read(file).expect("it can be read"))
        .collect()
}

fn judge(name: &str, check: checks::Check, input: &[u8]) {
    /// Says which input it was when the check panics.
    struct Report<'a>(&'a str, &'a [u8]);
    impl Drop for Report<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("the property `{}` does not hold for {:?}", self.0, self.1);
            }
        }
    }
    let _report = Report(name, input);
    check(input);
}

/// A generator of numbers (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.next() % len as u64).unwrap_or(0)
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    /// Changes, adds or removes something.
    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.index(input.len() + 1);
        let byte = self.byte();
        match self.below(4) {
            0 => input.insert(at, byte),
            1 if at < input.len() => drop(input.remove(at)),
            2 => input.truncate(at),
            _ if at < input.len() => input[at] = byte,
            _ => {}
        }
    }
}
