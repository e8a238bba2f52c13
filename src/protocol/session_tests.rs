//! Tests of the session, in the order of its life.

use super::*;

const DELAYS: Delays = Delays {
    heartbeat: Duration::from_secs(25),
    disconnect: Duration::from_secs(5),
    pong: Duration::from_secs(10),
};

/// Attaches a receiver and takes what the session writes to it, as the driver does: a polling
/// receiver is done after one frame.
fn receive(session: &mut Session, now: Instant, transport: Transport) -> Vec<Transmit> {
    assert_eq!(session.attach(now, transport), Attach::Attached);
    transmit(session, now)
}

fn transmit(session: &mut Session, now: Instant) -> Vec<Transmit> {
    let mut frames = Vec::new();
    while let Some(frame) = session.poll_transmit() {
        let ends = matches!(frame, Transmit::Close(_))
            || session.receiver() == Some(Transport::XhrPolling);
        frames.push(frame);
        if ends {
            session.detach(now, Detach::Done);
        }
    }
    frames
}

fn events(session: &mut Session) -> Vec<Event> {
    std::iter::from_fn(|| session.poll_event()).collect()
}

fn queue(session: &mut Session, text: &str) {
    match session.send() {
        Send::Queued(queue) => queue.push(|out| out.extend_from_slice(text.as_bytes())),
        other => panic!("expected a queue, got {other:?}"),
    }
}

fn open_polling(now: Instant) -> Session {
    let mut session = Session::new(now, DELAYS);
    assert_eq!(
        receive(&mut session, now, Transport::XhrPolling),
        [Transmit::Open]
    );
    assert_eq!(events(&mut session), [Event::Opened]);
    session
}

fn open_websocket(now: Instant) -> Session {
    let mut session = Session::new(now, DELAYS);
    assert_eq!(
        receive(&mut session, now, Transport::Websocket),
        [Transmit::Open]
    );
    assert_eq!(events(&mut session), [Event::Opened]);
    session
}

#[test]
fn messages_of_one_poll_leave_in_one_frame() {
    let now = Instant::now();
    let mut session = open_polling(now);
    queue(&mut session, r#""a""#);
    queue(&mut session, r#""b""#);
    let frames = receive(&mut session, now, Transport::XhrPolling);
    assert_eq!(frames, [Transmit::Messages(br#"a["a","b"]"#.to_vec())]);
}

#[test]
fn a_waiting_receiver_gets_messages_directly() {
    let now = Instant::now();
    let mut session = open_websocket(now);
    assert!(matches!(session.send(), Send::Direct));
}

#[test]
fn a_second_receiver_is_refused_and_the_first_goes_on() {
    let now = Instant::now();
    let mut session = open_websocket(now);
    assert_eq!(session.attach(now, Transport::XhrPolling), Attach::Busy);
    assert_eq!(session.receiver(), Some(Transport::Websocket));
}

#[test]
fn polling_session_dies_disconnect_delay_after_its_last_poll() {
    let now = Instant::now();
    let mut session = open_polling(now);
    assert_eq!(session.poll_timeout(), Some(now + DELAYS.disconnect));
    session.handle_timeout(now + DELAYS.disconnect);
    assert_eq!(session.state(), State::Closed);
    assert_eq!(events(&mut session), [Event::Closed]);
    assert_eq!(session.attach(now, Transport::XhrPolling), Attach::Gone);
}

#[test]
fn abort_ends_the_session_at_once() {
    let now = Instant::now();
    let mut session = open_polling(now);
    assert!(receive(&mut session, now, Transport::XhrStreaming).is_empty());
    session.detach(now, Detach::Aborted);
    assert_eq!(events(&mut session), [Event::Closed]);
}

#[test]
fn closing_repeats_its_frame_and_restarts_the_delay() {
    let start = Instant::now();
    let mut session = open_polling(start);
    assert!(session.close(b"c[3000,\"bye\"]"));
    assert!(!session.close(b"c[3001,\"again\"]"));
    for seconds in [1, 4, 8] {
        let now = start + Duration::from_secs(seconds);
        let frames = receive(&mut session, now, Transport::XhrPolling);
        assert_eq!(frames, [Transmit::Close(b"c[3000,\"bye\"]".to_vec())]);
        assert_eq!(session.poll_timeout(), Some(now + DELAYS.disconnect));
    }
    assert!(events(&mut session).is_empty());
    session.handle_timeout(start + Duration::from_secs(13));
    assert_eq!(events(&mut session), [Event::Closed]);
}

#[test]
fn queued_messages_leave_before_the_close_frame() {
    let now = Instant::now();
    let mut session = open_polling(now);
    queue(&mut session, r#""a""#);
    session.close(b"c[1000,\"Normal closure\"]");
    let first = receive(&mut session, now, Transport::XhrPolling);
    assert_eq!(first, [Transmit::Messages(br#"a["a"]"#.to_vec())]);
    let both = receive(&mut session, now, Transport::XhrStreaming);
    assert_eq!(
        both,
        [Transmit::Close(b"c[1000,\"Normal closure\"]".to_vec())]
    );
}

#[test]
fn a_websocket_session_ends_with_its_close_frame() {
    let now = Instant::now();
    let mut session = open_websocket(now);
    session.close(b"c[3000,\"bye\"]");
    assert_eq!(
        transmit(&mut session, now),
        [Transmit::Close(b"c[3000,\"bye\"]".to_vec())]
    );
    assert_eq!(events(&mut session), [Event::Closed]);
}

#[test]
fn heartbeats_have_a_fixed_period() {
    let start = Instant::now();
    let mut session = open_polling(start);
    receive(&mut session, start, Transport::XhrStreaming);
    for period in 1..4 {
        let now = start + DELAYS.heartbeat * period;
        assert_eq!(session.poll_timeout(), Some(now));
        session.handle_timeout(now);
        assert_eq!(transmit(&mut session, now), [Transmit::Heartbeat]);
    }
}

#[test]
fn an_unanswered_ping_closes_the_websocket() {
    let start = Instant::now();
    let mut session = open_websocket(start);
    let beat = start + DELAYS.heartbeat;
    session.handle_timeout(beat);
    assert_eq!(transmit(&mut session, beat), [Transmit::Ping]);
    let late = beat + DELAYS.pong;
    assert_eq!(session.poll_timeout(), Some(late));
    session.handle_timeout(late);
    assert_eq!(
        transmit(&mut session, late),
        [Transmit::Close(NO_HEARTBEAT_FRAME.to_vec())]
    );
    assert_eq!(events(&mut session), [Event::Closing, Event::Closed]);
}

#[test]
fn a_pong_keeps_the_websocket() {
    let start = Instant::now();
    let mut session = open_websocket(start);
    let beat = start + DELAYS.heartbeat;
    session.handle_timeout(beat);
    transmit(&mut session, beat);
    session.handle_pong();
    assert_eq!(session.poll_timeout(), Some(beat + DELAYS.heartbeat));
}

#[test]
fn after_a_stall_a_pong_has_the_whole_time_again() {
    let start = Instant::now();
    let mut session = open_websocket(start);
    let beat = start + DELAYS.heartbeat;
    session.handle_timeout(beat);
    transmit(&mut session, beat);
    let late = beat + DELAYS.pong;
    assert!(session.is_pong_due(late));
    session.handle_stall(late);
    session.handle_timeout(late);
    // The stall may have ended just now.
    let later = late + DELAYS.pong;
    session.handle_timeout(later);
    session.handle_timeout(later + DELAYS.pong / 2);
    assert_eq!(session.state(), State::Open);
    session.handle_timeout(later + DELAYS.pong);
    assert_eq!(session.state(), State::Closing);
}

#[test]
fn overflow_drops_the_queue_and_tells_the_client_why() {
    let now = Instant::now();
    let mut session = open_polling(now);
    queue(&mut session, r#""lost""#);
    session.overflow();
    assert_eq!(session.queued(), 0);
    assert_eq!(events(&mut session), [Event::Closing]);
    let frames = receive(&mut session, now, Transport::XhrPolling);
    assert_eq!(frames, [Transmit::Close(TOO_SLOW_FRAME.to_vec())]);
}

#[test]
fn a_raw_websocket_has_no_frames_and_no_timers() {
    let now = Instant::now();
    let mut session = Session::new(now, DELAYS);
    assert!(receive(&mut session, now, Transport::WebsocketRaw).is_empty());
    assert_eq!(session.poll_timeout(), None);
    assert!(session.close(b""));
    assert_eq!(session.state(), State::Closing);
    session.detach(now, Detach::Done);
    assert_eq!(events(&mut session), [Event::Opened, Event::Closed]);
}
