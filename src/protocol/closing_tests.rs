use std::time::{Duration, Instant};

use super::{CLOSE_TIMEOUT, Cause, CloseFrame, Closing, SenderEnd, Steps};
use crate::protocol::websocket_kind::WebsocketKind;

const KINDS: [WebsocketKind; 3] = [
    WebsocketKind::Sockjs,
    WebsocketKind::Raw,
    WebsocketKind::Hixie76,
];

/// A websocket, and a clock that stands still until a test moves it.
struct Client {
    closing: Closing,
    now: Instant,
}

fn client(kind: WebsocketKind) -> Client {
    Client {
        closing: Closing::new(kind),
        now: Instant::now(),
    }
}

/// A websocket on which the server has sent a close frame.
fn closed_by_server(kind: WebsocketKind) -> Client {
    let mut client = client(kind);
    assert_eq!(client.end(Cause::ReceiverDone).frame, Some(normal()));
    client
}

impl Client {
    fn end(&mut self, cause: Cause) -> Steps {
        self.closing.end(cause, self.now)
    }

    /// The client ends its websocket, and the application handles that.
    fn end_handled(&mut self, cause: Cause) -> Steps {
        assert_eq!(self.end(cause), queue());
        let steps = self.handle_queued().unwrap();
        assert_eq!(self.handle_queued(), None);
        steps
    }

    fn handle_queued(&mut self) -> Option<Steps> {
        self.closing.poll_queued(self.now)
    }

    fn after(&mut self, time: Duration) -> Steps {
        self.now += time;
        self.closing.handle_timeout(self.now)
    }

    fn times_out(&self) -> bool {
        self.closing.poll_timeout().is_some()
    }
}

fn frame(code: u16, reason: &'static str) -> CloseFrame {
    CloseFrame::new(code, reason.as_bytes())
}

fn normal() -> CloseFrame {
    frame(1000, "Normal closure")
}

fn nothing() -> Steps {
    Steps::default()
}

fn queue() -> Steps {
    Steps {
        queue: true,
        ..nothing()
    }
}

fn sends(frame: CloseFrame) -> Steps {
    Steps {
        frame: Some(frame),
        ..nothing()
    }
}

/// The session ends, and the sending side after the `frame` and the bytes that wait.
fn ends(frame: Option<CloseFrame>) -> Steps {
    Steps {
        frame,
        sender: Some(SenderEnd::Flush),
        session: true,
        ..nothing()
    }
}

fn aborts() -> Steps {
    Steps {
        sender: Some(SenderEnd::Abort),
        ..nothing()
    }
}

const MOMENT: Duration = Duration::from_millis(1);
/// A moment before [`CLOSE_TIMEOUT`].
const ALMOST: Duration = Duration::from_millis(29_999);

#[test]
fn an_open_websocket_has_no_deadline() {
    for kind in KINDS {
        let mut client = client(kind);
        assert!(client.closing.is_open() && client.closing.can_receive());
        assert!(client.closing.can_pong());
        assert_eq!(client.after(CLOSE_TIMEOUT * 100), nothing());
    }
}

// Causes from the application and the server.

#[test]
fn a_receiver_that_is_done_closes_normally() {
    let mut client = client(WebsocketKind::Sockjs);
    assert_eq!(client.end(Cause::ReceiverDone).frame, Some(normal()));
    assert!(!client.closing.is_open());
    assert!(client.closing.can_pong());
}

#[test]
fn an_application_closes_a_raw_websocket_with_its_own_frame() {
    let mut client = client(WebsocketKind::Raw);
    let own = frame(4000, "bye");
    let steps = client.end(Cause::ApplicationClosedRaw(Some(own.clone())));
    // The session is closing until the client has answered.
    assert_eq!(steps, sends(own));
}

#[test]
fn a_close_without_a_frame_sends_nothing_and_aborts_after_the_timeout() {
    let mut client = client(WebsocketKind::Raw);
    assert_eq!(client.end(Cause::ApplicationClosedRaw(None)), nothing());
    assert!(!client.closing.is_open());
    assert_eq!(client.after(CLOSE_TIMEOUT), aborts());
}

#[test]
fn the_server_does_not_wait_for_a_hixie_76_client_but_lets_it_read_what_was_sent() {
    let mut client = client(WebsocketKind::Hixie76);
    let steps = client.end(Cause::ReceiverDone);
    assert_eq!(steps.sender, Some(SenderEnd::Flush));
    assert!(!steps.session, "the session ends with its receiver");
    assert_eq!(client.after(ALMOST), nothing());
    assert_eq!(client.after(MOMENT), aborts());
}

#[test]
fn a_second_close_changes_nothing() {
    for kind in KINDS {
        let mut client = closed_by_server(kind);
        let deadline = client.closing.poll_timeout();
        client.now += MOMENT;
        assert_eq!(client.end(Cause::ReceiverDone), nothing());
        let raw = Cause::ApplicationClosedRaw(Some(frame(4000, "again")));
        assert_eq!(client.end(raw), nothing());
        assert_eq!(client.closing.poll_timeout(), deadline);
    }
}

#[test]
fn a_close_frame_without_an_answer_aborts_once_after_the_timeout() {
    let mut client = closed_by_server(WebsocketKind::Sockjs);
    assert_eq!(client.after(ALMOST), nothing());
    assert_eq!(client.after(MOMENT), aborts());
    assert!(!client.times_out());
    assert_eq!(client.after(CLOSE_TIMEOUT), nothing());
    assert!(!client.closing.can_pong());
    // The reader then sees the end of the socket.
    assert_eq!(client.end(Cause::ClientGone), ends(None));
}

#[test]
fn a_client_that_is_too_slow_gets_a_close_frame_only_on_raw_websockets() {
    let mut raw = client(WebsocketKind::Raw);
    assert_eq!(
        raw.end(Cause::TooSlow),
        sends(frame(1008, "Client too slow"))
    );
    // The others get a `c` frame from their session.
    for kind in [WebsocketKind::Sockjs, WebsocketKind::Hixie76] {
        let mut client = client(kind);
        assert_eq!(client.end(Cause::TooSlow), nothing());
        assert!(client.closing.is_open());
        assert_eq!(client.end(Cause::ReceiverDone).frame, Some(normal()));
    }
}

#[test]
fn a_client_that_is_too_slow_after_its_close_frame_is_aborted() {
    for kind in KINDS {
        let mut client = closed_by_server(kind);
        assert_eq!(client.end(Cause::TooSlow), aborts());
        assert!(!client.times_out());
    }
}

#[test]
fn a_panic_ends_everything_at_once() {
    for kind in KINDS {
        for mut client in [client(kind), closed_by_server(kind)] {
            let steps = client.end(Cause::Panic);
            assert_eq!(steps.sender, Some(SenderEnd::Abort));
            assert!(steps.session && steps.frame.is_none());
            assert!(!client.closing.can_pong() && !client.times_out());
        }
    }
}

#[test]
fn a_session_that_closes_by_a_c_frame_closes_its_websocket_only_when_its_receiver_is_done() {
    for cause in [
        Cause::ApplicationClosed(b"c[3000,\"bye\"]".to_vec()),
        Cause::SessionAbandoned,
        Cause::ResponseAborted(1),
    ] {
        let mut client = client(WebsocketKind::Sockjs);
        assert_eq!(client.end(cause), nothing());
        assert!(client.closing.is_open());
    }
}

// Causes from the client.

#[test]
fn a_close_frame_of_the_client_is_answered_after_the_messages_before_it() {
    for kind in KINDS {
        let mut client = client(kind);
        let answer = frame(1001, "");
        assert_eq!(client.end(Cause::ClientClosed(answer.clone())), queue());
        // The application can still write, but messages of the client are no longer accepted.
        assert!(client.closing.is_open() && !client.closing.can_receive());
        assert!(client.closing.can_pong() && !client.times_out());
        assert_eq!(client.handle_queued(), Some(ends(Some(answer))));
        assert!(!client.closing.can_pong());
    }
}

#[test]
fn a_client_that_does_not_read_the_answer_to_its_close_frame_is_aborted() {
    let mut client = client(WebsocketKind::Sockjs);
    let _ = client.end_handled(Cause::ClientClosed(frame(1000, "")));
    assert_eq!(client.after(ALMOST), nothing());
    assert_eq!(client.after(MOMENT), aborts());
}

#[test]
fn an_answer_to_the_servers_close_frame_is_not_answered() {
    let mut client = closed_by_server(WebsocketKind::Raw);
    let deadline = client.closing.poll_timeout();
    client.now += MOMENT;
    let answer = Cause::ClientClosed(frame(1000, ""));
    assert_eq!(client.end(answer), ends(None));
    assert_eq!(client.closing.poll_timeout(), deadline);
}

#[test]
fn a_violation_is_answered_and_pings_after_it_are_not() {
    let mut client = client(WebsocketKind::Sockjs);
    let answer = frame(1002, "Unrecognized frame opcode: 3");
    assert_eq!(client.end(Cause::Violation(answer.clone())), queue());
    assert!(!client.closing.can_pong());
    assert_eq!(client.handle_queued(), Some(ends(Some(answer))));
}

#[test]
fn a_violation_after_a_close_frame_is_ignored() {
    let mut client = closed_by_server(WebsocketKind::Sockjs);
    assert_eq!(client.end(Cause::Violation(frame(1002, "x"))), nothing());
    assert!(client.closing.can_pong() && client.times_out());
}

#[test]
fn a_violation_is_ignored_if_the_application_closes_before_it_is_handled() {
    let mut client = client(WebsocketKind::Raw);
    assert_eq!(client.end(Cause::Violation(frame(1002, "x"))), queue());
    assert_eq!(client.end(Cause::ReceiverDone).frame, Some(normal()));
    assert_eq!(client.handle_queued(), Some(nothing()));
    assert!(client.times_out());
}

#[test]
fn broken_framing_closes_and_ends_the_session_and_the_client_may_still_answer() {
    let mut client = client(WebsocketKind::Sockjs);
    let steps = client.end_handled(Cause::BrokenFraming);
    let expected = Steps {
        session: true,
        ..sends(frame(3000, "Broken framing."))
    };
    assert_eq!(steps, expected);
    assert!(client.closing.can_pong());
    assert_eq!(client.end(Cause::ClientClosed(frame(3000, ""))), ends(None));
}

#[test]
fn the_server_does_not_wait_for_a_client_that_is_gone() {
    for kind in KINDS {
        let mut open = client(kind);
        assert_eq!(open.end_handled(Cause::ClientGone), ends(None));
        assert!(!open.times_out());
        let mut closing = closed_by_server(kind);
        assert_eq!(closing.end(Cause::ClientGone), ends(None));
        assert!(!closing.times_out());
    }
}

#[test]
fn causes_from_the_client_keep_their_order_and_each_counts_once() {
    let mut client = client(WebsocketKind::Sockjs);
    let first = frame(1002, "first");
    assert_eq!(client.end(Cause::Violation(first.clone())), queue());
    for late in [
        Cause::Violation(frame(1002, "second")),
        Cause::ClientGone,
        Cause::ClientGone,
    ] {
        assert_eq!(client.end(late), nothing(), "only one event is queued");
    }
    assert_eq!(client.handle_queued(), Some(ends(Some(first))));
    assert!(client.times_out());
    assert_eq!(client.handle_queued(), Some(ends(None)));
    assert!(!client.times_out());
    assert_eq!(client.handle_queued(), None);
}

#[test]
fn after_a_close_of_the_server_a_client_that_leaves_ends_the_session_at_once() {
    let mut client = client(WebsocketKind::Sockjs);
    assert_eq!(client.end(Cause::ClientClosed(frame(1000, ""))), queue());
    assert_eq!(client.end(Cause::ReceiverDone).frame, Some(normal()));
    assert_eq!(client.end(Cause::ClientGone), ends(None));
    // It is too late to answer the client's close frame.
    assert_eq!(client.handle_queued(), Some(ends(None)));
}
