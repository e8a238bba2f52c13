//! Tests of each transition of a taken HTTP connection, with a simulated clock.

use super::*;

type State = HttpConnState<&'static str, &'static str>;

const LIMITS: Timeouts = Timeouts {
    keep_alive: Some(Duration::from_secs(5)),
    idle: Some(Duration::from_secs(6)),
    stalled: Some(Duration::from_secs(7)),
    headers: Some(Duration::from_secs(60)),
    request: Some(Duration::from_secs(300)),
};

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A connection that has just been taken, and the time of that.
fn taken() -> (State, Instant) {
    let now = Instant::now();
    (State::new(now, LIMITS), now)
}

/// A connection with a complete request, which its service is answering.
fn responding() -> (State, Instant) {
    let (mut state, now) = taken();
    state.begin("service", 10, now);
    state.passed(10);
    state.request_complete();
    (state, now)
}

/// A connection whose response is complete.
fn idle() -> (State, Instant) {
    let (mut state, now) = responding();
    let _ = state.response_complete(now, || LIMITS);
    (state, now)
}

fn is_over(state: &mut State, end: &End) {
    assert_eq!(state.reading(), Reading::Over);
    assert_eq!(state.deadline(&LIMITS), None);
    assert_eq!(state.end(), *end);
    assert_eq!(state.end(), End::Closed);
}

#[test]
fn a_request_passes_and_is_answered() {
    let (mut state, now) = taken();
    assert_eq!(state.reading(), Reading::Head);
    state.begin("service", 10, now);
    assert_eq!(state.reading(), Reading::Request(10));
    assert_eq!(state.service(), Some("service"));
    state.passed(4);
    assert_eq!(state.reading(), Reading::Request(6));
    state.passed(6);
    assert_eq!(state.reading(), Reading::Response);
    state.request_complete();
    assert_eq!(state.reading(), Reading::Response);
    let (service, reader) = state.response_complete(now, || LIMITS);
    assert_eq!(service, Some("service"));
    assert!(reader.is_none());
    assert_eq!(state.service(), None);
    assert_eq!(state.reading(), Reading::Head);
}

#[test]
fn a_connection_is_idle_between_two_requests_only() {
    let (mut state, now) = taken();
    assert!(!state.is_idle());
    state.begin("service", 1, now);
    assert!(!state.is_idle());
    state.passed(1);
    assert!(!state.is_idle());
    state.request_complete();
    assert!(!state.is_idle());
    let _ = state.response_complete(now, || LIMITS);
    assert!(state.is_idle());
    state.wait_for_head(false, now, || LIMITS);
    assert!(state.is_idle());
    state.wait_for_head(true, now, || LIMITS);
    assert!(!state.is_idle());
    state.give_back(vec![]);
    assert!(!state.is_idle());
}

#[test]
fn the_idle_limit_is_the_one_that_was_set_when_the_response_ended() {
    let (mut state, now) = responding();
    let later = now + seconds(1);
    let _ = state.response_complete(later, || LIMITS);
    let expected = Some((later + seconds(6), Expired::Close));
    assert_eq!(state.deadline(&LIMITS), expected);
    // Neither a second wait nor other limits change it.
    state.wait_for_head(false, later + seconds(1), Timeouts::default);
    assert_eq!(state.deadline(&Timeouts::default()), expected);
}

#[test]
fn a_head_expires_by_the_earliest_of_its_limits() {
    let (mut state, now) = idle();
    let first = now + seconds(1);
    state.wait_for_head(true, first, || unreachable!("it was idle"));
    assert_eq!(
        state.deadline(&LIMITS),
        Some((first + seconds(7), Expired::Close))
    );
    state.head_grows(first + seconds(5));
    assert_eq!(
        state.deadline(&LIMITS),
        Some((first + seconds(12), Expired::Close))
    );
    state.head_grows(first + seconds(59));
    let expired = Some((first + seconds(60), Expired::RequestTimeout));
    assert_eq!(state.deadline(&LIMITS), expired);
    // The limits of a request may change while it arrives.
    let limits = Timeouts {
        request: Some(seconds(2)),
        ..LIMITS
    };
    let expired = Some((first + seconds(2), Expired::RequestTimeout));
    assert_eq!(state.deadline(&limits), expired);
}

#[test]
fn the_time_of_a_request_begins_with_the_first_byte_of_its_head() {
    let (mut state, now) = idle();
    state.wait_for_head(true, now + seconds(1), || LIMITS);
    state.begin("service", 3, now + seconds(50));
    let expired = Some((now + seconds(301), Expired::RequestTimeout));
    assert_eq!(state.deadline(&LIMITS), expired);
    state.passed(3);
    assert_eq!(state.deadline(&LIMITS), expired);
    state.request_complete();
    assert_eq!(state.deadline(&LIMITS), None);
}

#[test]
fn the_time_of_a_request_that_arrives_in_one_piece_begins_then() {
    let (mut state, now) = idle();
    state.begin("service", 3, now + seconds(4));
    let expired = Some((now + seconds(304), Expired::RequestTimeout));
    assert_eq!(state.deadline(&LIMITS), expired);
}

#[test]
fn without_limits_there_is_no_deadline() {
    let none = Timeouts::default();
    let (mut state, now) = responding();
    let _ = state.response_complete(now, || none);
    assert_eq!(state.deadline(&none), None);
    state.wait_for_head(true, now, || none);
    assert_eq!(state.deadline(&none), None);
    state.begin("service", 1, now);
    assert_eq!(state.deadline(&none), None);
}

#[test]
fn a_pipelined_request_waits_for_the_response_and_is_then_judged() {
    let (mut state, now) = responding();
    state.hold(Waker::noop());
    assert_eq!(state.reading(), Reading::Response);
    let (_, reader) = state.response_complete(now + seconds(9), || LIMITS);
    assert!(reader.is_some());
    assert!(!state.is_idle());
    assert_eq!(state.reading(), Reading::Head);
    state.begin("another", 1, now + seconds(9));
    assert_eq!(state.service(), Some("another"));
}

#[test]
fn a_client_that_closes_during_a_response_ends_the_connection_after_it() {
    for has_request in [false, true] {
        let (mut state, now) = taken();
        state.begin("service", 0, now);
        if has_request {
            state.request_complete();
        }
        assert!(!state.is_client_gone());
        state.client_closes(Waker::noop());
        assert!(state.is_client_gone());
        assert_eq!(state.reading(), Reading::Gone);
        state.request_complete();
        assert!(state.is_client_gone());
        let (_, reader) = state.response_complete(now, || LIMITS);
        assert!(reader.is_some());
        is_over(&mut state, &End::Closed);
    }
}

#[test]
fn a_client_that_closes_inside_of_a_request_is_a_fault() {
    let (mut state, now) = taken();
    state.begin("service", 2, now);
    state.passed(1);
    state.client_closes(Waker::noop());
    assert!(state.goes_back());
    is_over(&mut state, &End::Fault(Fault::UnexpectedEnd));
}

#[test]
fn a_client_that_closes_between_two_requests_is_no_fault() {
    let (mut state, _) = idle();
    state.client_closes(Waker::noop());
    assert!(!state.goes_back());
    is_over(&mut state, &End::Closed);
}

#[test]
fn an_error_of_reading_is_a_fault_in_every_phase() {
    for (mut state, _) in [taken(), responding(), idle()] {
        state.read_fails(104);
        assert!(state.goes_back());
        // hyper then gives up the response. Neither that nor a later end of the stream hides the fault.
        let _ = state.response_complete(Instant::now(), || LIMITS);
        state.client_closes(Waker::noop());
        is_over(&mut state, &End::Fault(Fault::Read(104)));
    }
}

#[test]
fn a_request_for_node_is_given_back() {
    let (mut state, now) = idle();
    state.give_back(b"GET".to_vec());
    assert!(state.goes_back());
    state.wait_for_head(true, now, || LIMITS);
    is_over(&mut state, &End::Foreign(b"GET".to_vec()));
}

#[test]
fn an_answer_before_the_request_was_read_ends_the_connection() {
    let (mut state, now) = taken();
    state.begin("service", 2, now);
    state.request_complete();
    assert_eq!(state.reading(), Reading::Request(2));
    let (service, _) = state.response_complete(now, || LIMITS);
    assert_eq!(service, Some("service"));
    is_over(&mut state, &End::Closed);
}

#[test]
fn the_state_keeps_its_response_and_its_task() {
    let (mut state, _) = responding();
    assert_eq!(state.response(), None);
    state.answers_with("response");
    assert_eq!(state.response(), Some(&"response"));
    assert!(state.task().is_none());
    state.serve_in(Waker::noop());
    assert!(state.task().is_some());
}

#[test]
fn a_flush_of_frames_is_reported_once() {
    let (mut state, _) = responding();
    assert!(!state.has_flushed());
    state.hands_over();
    assert!(state.has_flushed());
    assert!(!state.has_flushed());
}
