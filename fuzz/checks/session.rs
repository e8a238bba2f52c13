//! Sessions. A driver like the server's plays any sequence of events. The session closes once and reports nothing
//! afterwards; while it is open, no message is lost, sent twice or reordered.

use std::time::{Duration, Instant};

use sockjs_rs::protocol::session::{
    Attach, Delays, Detach, Event, Send, Session, State, TOO_SLOW_FRAME, Transmit,
};
use sockjs_rs::protocol::transport::{End, Transport};

use super::input::Input;

const DELAYS: Delays = Delays {
    heartbeat: Duration::from_millis(25),
    disconnect: Duration::from_millis(5),
    pong: Duration::from_millis(10),
};
/// Bytes that may wait before the driver gives up the client.
const MAX_QUEUED: usize = 200;
const RESPONSES: [Transport; 5] = [
    Transport::XhrPolling,
    Transport::XhrStreaming,
    Transport::Eventsource,
    Transport::Htmlfile,
    Transport::JsonpPolling,
];

/// A session, its driver, and what the driver expects of it.
struct Scene {
    session: Session,
    now: Instant,
    transports: &'static [Transport],
    /// Numbers of the messages that the session accepted, and of those that it sent.
    accepted: Vec<u32>,
    sent: Vec<u32>,
    next: u32,
    /// Whether messages may be lost, because the session ended or the driver gave up its client.
    may_lose: bool,
    opened: u32,
    closing: u32,
    closed: u32,
    /// The close frame that every receiver gets after the session closes.
    close_frame: Option<Vec<u8>>,
    state: State,
}

/// Whether a receiver of this transport is done after one frame.
fn polls(transport: Transport) -> bool {
    transport
        .http()
        .is_some_and(|http| http.end == End::FirstFrame)
}

/// See the module.
pub fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let now = Instant::now();
    let transports: &[Transport] = match input.below(4) {
        0 => &[Transport::Websocket],
        1 => &[Transport::WebsocketRaw],
        _ => &RESPONSES,
    };
    let mut scene = Scene {
        session: Session::new(now, DELAYS),
        now,
        transports,
        accepted: Vec::new(),
        sent: Vec::new(),
        next: 0,
        may_lose: false,
        opened: 0,
        closing: 0,
        closed: 0,
        close_frame: None,
        state: State::Connecting,
    };
    while !input.is_empty() {
        scene.step(&mut input);
        scene.settle();
    }
    scene.session.detach(scene.now, Detach::Aborted);
    scene.settle();
    // Every session ends when enough time passes.
    for _ in 0..4 {
        scene.now += Duration::from_secs(1);
        scene.session.handle_timeout(scene.now);
        scene.settle();
    }
    assert_eq!(scene.session.state(), State::Closed);
    assert_eq!(scene.closed, 1);
}

impl Scene {
    fn step(&mut self, input: &mut Input<'_>) {
        let before = self.session.state();
        match input.below(10) {
            0 => self.attach(input),
            1 => self.session.detach(self.now, Detach::Done),
            2 => self.session.detach(self.now, Detach::Aborted),
            3..=5 => self.send(),
            6 if input.below(4) == 0 => {
                let frame = format!("c[{},\"Go\"]", 3000 + input.below(99));
                let closes = self.session.close(frame.as_bytes());
                assert_eq!(closes, before == State::Open);
                if closes {
                    self.close_frame = Some(frame.into_bytes());
                }
            }
            7 => self.session.handle_pong(),
            8 => self.session.postpone_pong(self.now),
            _ => {
                self.now += Duration::from_millis(input.byte().into());
                let open = self.session.is_open();
                let pong_due = self.session.is_pong_due(self.now);
                self.session.handle_timeout(self.now);
                if pong_due && open {
                    assert_eq!(self.session.state(), State::Closing);
                    self.close_frame = None;
                }
            }
        }
    }

    fn attach(&mut self, input: &mut Input<'_>) {
        let transport = input.pick(self.transports);
        let is_websocket = !transport.outlives_detach();
        // A websocket has one receiver, and it comes first.
        if is_websocket && self.session.state() != State::Connecting {
            return;
        }
        let expected = if self.closed > 0 {
            Attach::Gone
        } else if self.session.receiver().is_some() {
            Attach::Busy
        } else {
            Attach::Attached
        };
        assert_eq!(self.session.attach(self.now, transport), expected);
    }

    fn send(&mut self) {
        let number = self.next;
        let open = self.session.is_open();
        match self.session.send() {
            Send::Refused => return assert!(!open),
            Send::Direct => {
                self.sent.push(number);
                let receiver = self.session.receiver().expect("a receiver is attached");
                if polls(receiver) {
                    self.session.detach(self.now, Detach::Done);
                }
            }
            Send::Queued(queue) => {
                queue.push(|out| out.extend_from_slice(format!("\"{number}\"").as_bytes()));
            }
        }
        assert!(open);
        self.accepted.push(number);
        self.next += 1;
        if self.session.queued() > MAX_QUEUED {
            self.may_lose = true;
            self.session.overflow();
            assert_eq!(self.session.queued(), 0);
            self.close_frame = Some(TOO_SLOW_FRAME.to_vec());
        }
    }

    /// What the driver does after every input.
    fn settle(&mut self) {
        let mut frames = 0;
        while let Some(transmit) = self.session.poll_transmit() {
            let transport = self.session.receiver().expect("a receiver is attached");
            assert_ne!(self.closed, 1, "{transmit:?} after the end");
            frames += 1;
            assert!(frames < 9, "the frames never end");
            let ends = matches!(transmit, Transmit::Close(_)) || polls(transport);
            self.transmitted(transmit, transport);
            if ends {
                self.session.detach(self.now, Detach::Done);
            }
        }
        while let Some(event) = self.session.poll_event() {
            self.handle_event(event);
        }
        self.check_state();
    }

    fn transmitted(&mut self, transmit: Transmit, transport: Transport) {
        match transmit {
            Transmit::Open => assert_ne!(transport, Transport::WebsocketRaw),
            Transmit::Messages(frame) => {
                let numbers: Vec<String> =
                    serde_json::from_slice(&frame[1..]).expect("a frame is `a` and JSON");
                assert_eq!(frame[0], b'a');
                self.sent
                    .extend(numbers.iter().filter_map(|it| it.parse::<u32>().ok()));
            }
            Transmit::Heartbeat => assert_ne!(transport, Transport::Websocket),
            Transmit::Ping => assert_eq!(transport, Transport::Websocket),
            Transmit::Close(frame) => {
                assert_ne!(self.session.state(), State::Open);
                let first = self.close_frame.get_or_insert(frame.clone());
                assert_eq!(&frame, first, "every receiver gets the same close frame");
            }
        }
    }

    fn handle_event(&mut self, event: Event) {
        assert_eq!(self.closed, 0, "{event:?} after the end");
        match event {
            Event::Opened => self.opened += 1,
            Event::Closing => self.closing += 1,
            Event::Closed => self.closed += 1,
        }
        assert!(self.opened <= 1 && self.closing <= 1);
        assert!(self.closing <= self.opened);
    }

    fn check_state(&mut self) {
        let state = self.session.state();
        assert!(state as u8 >= self.state as u8, "a session never goes back");
        self.state = state;
        self.may_lose |= state == State::Closed;
        assert!(self.session.queued() <= MAX_QUEUED);
        assert_eq!(self.sent, self.accepted[..self.sent.len()], "order");
        let quoted = |number: &u32| number.to_string().len() + 3;
        let waiting = &self.accepted[self.sent.len()..];
        if !self.may_lose {
            let bytes = waiting.iter().map(quoted).sum::<usize>();
            assert_eq!(
                self.session.queued(),
                bytes.saturating_sub(1),
                "nothing is lost"
            );
            if self.session.receiver().is_some() {
                assert_eq!(waiting, [0_u32; 0], "a receiver has got every message");
            }
        }
        if self.closed > 0 {
            assert_eq!(state, State::Closed);
            assert_eq!(self.session.poll_timeout(), None);
            assert!(!self.session.close(b"c[1,\"\"]"));
            assert!(matches!(self.session.send(), Send::Refused));
        } else {
            assert_ne!(state, State::Closed, "a closed session has reported it");
            let raw = self.session.receiver() == Some(Transport::WebsocketRaw);
            assert!(
                raw || self.session.poll_timeout().is_some(),
                "an open session has a timeout"
            );
        }
    }
}
