//! Tests the properties of `checks/` with the committed seeds, with changed copies of them, and with random
//! bytes. The random numbers have a fixed seed, so that every run tests the same inputs; `npm run fuzz` tests
//! more. An input that fails is reduced to a small one.

#[allow(
    unreachable_pub,
    dead_code,
    reason = "the fuzz targets use them as a crate"
)]
mod checks;

use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{RngSeed, TestRunner};

/// Inputs of each property besides the seeds.
const INPUTS: u32 = 3000;
/// Upper bound for the length of random bytes.
const LONGEST: usize = 200;

#[test]
fn payloads_are_accepted_exactly_if_json_parse_accepts_them() {
    holds("payloads");
}

#[test]
fn quoting_is_that_of_0_3_24_and_reads_as_the_same_string() {
    holds("quoting");
}

#[test]
fn a_prefix_means_the_same_as_text_and_as_a_pattern() {
    holds("targets");
}

#[test]
fn a_session_closes_once_and_loses_nothing_before() {
    holds("session");
}

#[test]
fn the_gate_lets_only_one_plain_request_through() {
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

#[test]
fn a_byte_queue_is_a_list_of_its_writes() {
    holds("byte_queue");
}

#[test]
fn rooms_deliver_once_and_in_the_order_of_the_program() {
    holds("rooms");
}

fn holds(name: &'static str) {
    let all = checks::ALL.iter().find(|(other, _)| *other == name);
    let (_, check) = all.expect("there is a check of this name");
    let seeds = seeds(name);
    assert!(!seeds.is_empty(), "the seeds are there");
    for seed in &seeds {
        // The test harness shows this only if the check panics.
        eprintln!("the seed {seed:?}");
        check(seed);
    }
    let config = ProptestConfig {
        cases: INPUTS,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0x5eed),
        ..ProptestConfig::default()
    };
    let test = |input: Vec<u8>| {
        check(&input);
        Ok(())
    };
    if let Err(error) = TestRunner::new(config).run(&inputs(seeds), test) {
        panic!("the property `{name}` does not hold: {error}");
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

/// Random bytes or a seed, with up to three changes.
fn inputs(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<Index>(), any::<u8>(), 0..4);
    let start = prop_oneof![vec(any::<u8>(), 0..LONGEST), select(seeds)];
    (start, vec(change, 0..4)).prop_map(|(mut input, changes)| {
        for (index, byte, kind) in changes {
            let at = index.index(input.len() + 1);
            match kind {
                0 => input.insert(at, byte),
                1 if at < input.len() => drop(input.remove(at)),
                2 => input.truncate(at),
                _ if at < input.len() => input[at] = byte,
                _ => {}
            }
        }
        input
    })
}
