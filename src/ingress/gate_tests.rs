//! Tests of the gate on a socket: what passes, and what is given back, in whatever pieces the bytes arrive. Its judgement
//! of single requests is tested in `fuzz/checks/gate.rs`.

use std::future::poll_fn;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use hyper::rt::{Read, ReadBuf};

use super::super::http_conn_state::End;
use super::*;
use crate::server::Runtime;
use crate::server::events::{Event, EventBatch};
use crate::server::socket::Socket;
use crate::server::testing::{NoWaker, service};

const OURS: &[u8] = b"GET /s/info HTTP/1.1\r\nHost: h\r\n\r\n";
const WITH_BODY: &[u8] =
    b"POST /s/0/a/xhr_send HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n[\"a\"]";
const FOREIGN: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
/// Like [`OURS`], but with line feeds without a carriage return.
const BARE: [&[u8]; 3] = [
    b"GET /s/info HTTP/1.1\nHost: h\n\n",
    b"GET /s/info HTTP/1.1\r\nHost: h\n\r\n",
    b"GET /s/info HTTP/1.1\r\nHost: h\r\n\n",
];

fn tokio() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .unwrap()
}

fn installation(runtime: &Arc<Runtime>) -> Arc<Installation> {
    let installation = Arc::new(Installation::new(0));
    installation.install(service(runtime));
    installation
}

/// Requests that pass, and the bytes after them, which are given back.
type Case<'a> = (&'a [&'a [u8]], &'a [&'a [u8]]);

/// The requests that have passed, and the bytes that were given back at the end.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    passed: Vec<Vec<u8>>,
    given_back: Option<Vec<u8>>,
}

/// Sends `bytes` through a gate in pieces, whose lengths `piece` returns, and answers each request at once. Node has read
/// the first piece.
async fn through(
    installation: &Arc<Installation>,
    bytes: &[u8],
    mut piece: impl FnMut() -> usize,
) -> Outcome {
    let (near, mut far) = UnixStream::pair().unwrap();
    let socket = Polled::new(Socket::duplicate_of(near.as_raw_fd()).unwrap()).unwrap();
    drop(near);
    let http_conn = Arc::new(HttpConn::new(installation.clone()));
    let (first, mut rest) = bytes.split_at(piece().min(bytes.len()));
    let mut gate = Gate::new(socket, installation.clone(), http_conn.clone(), first);
    let mut outcome = Outcome::default();
    let mut buffer = [0; 64];
    let mut in_request = false;
    loop {
        let mut to = ReadBuf::new(&mut buffer);
        let read = poll_fn(|cx| {
            let read = Pin::new(&mut gate).poll_read(cx, to.unfilled());
            // There is nothing to read: sends the next piece, or ends the stream after the last one.
            if read.is_pending() && !rest.is_empty() {
                let (next, others) = rest.split_at(piece().clamp(1, rest.len()));
                far.write_all(next).unwrap();
                rest = others;
                cx.waker().wake_by_ref();
            } else if read.is_pending() {
                far.shutdown(std::net::Shutdown::Write).unwrap();
            }
            read
        });
        read.await.unwrap();
        let passed = to.filled();
        if passed.is_empty() {
            if let End::Foreign(mut held) = http_conn.end() {
                // Node continues to read where the gate has stopped.
                while let Ok(read @ 1..) = gate.socket.socket().try_read(&mut buffer) {
                    held.extend_from_slice(&buffer[..read]);
                }
                held.extend_from_slice(rest);
                outcome.given_back = Some(held);
            }
            return outcome;
        }
        match outcome.passed.last_mut() {
            Some(request) if in_request => request.extend_from_slice(passed),
            _ => outcome.passed.push(passed.to_vec()),
        }
        in_request = http_conn.reading() != Reading::Response;
        if !in_request {
            http_conn.response_complete();
        }
    }
}

#[test]
fn the_pieces_in_which_bytes_arrive_make_no_difference() {
    let tokio = tokio();
    let runtime = Runtime::start(1, 1, Box::new(NoWaker)).unwrap();
    let installation = installation(&runtime);
    let cases: [Case<'_>; 10] = [
        (&[OURS], &[]),
        (&[OURS, WITH_BODY, OURS], &[]),
        (&[OURS], &[FOREIGN]),
        (&[WITH_BODY, OURS], &[FOREIGN, OURS]),
        (&[], &[FOREIGN, OURS]),
        (&[OURS], &[b"\r\n", OURS]),
        (&[OURS], &[BARE[0], OURS]),
        (&[OURS], &[BARE[1]]),
        (&[], &[BARE[2], OURS]),
        (&[OURS], &[b"GET /s/info HTTP/1.1\r\nHo"]),
    ];
    for (ours, others) in cases {
        let expected = Outcome {
            passed: ours.iter().map(|request| request.to_vec()).collect(),
            given_back: (!others.is_empty()).then(|| others.concat()),
        };
        let bytes = [ours.concat(), others.concat()].concat();
        for len in [1, 2, 3, 7, 40, 64, 1000] {
            let found = tokio.block_on(through(&installation, &bytes, || len));
            assert_eq!(found, expected, "pieces of {len}");
        }
        // Pseudo-random lengths.
        let mut number = 1_usize;
        for _ in 0..100 {
            let pieces = || {
                number = number * 75 % 65537;
                number % 50
            };
            let found = tokio.block_on(through(&installation, &bytes, pieces));
            assert_eq!(found, expected);
        }
    }
    runtime.stop();
}

#[test]
fn a_client_that_leaves_in_the_middle_of_a_body_ends_the_stream() {
    let tokio = tokio();
    let runtime = Runtime::start(1, 1, Box::new(NoWaker)).unwrap();
    let installation = installation(&runtime);
    let cut = &WITH_BODY[..WITH_BODY.len() - 2];
    let found = tokio.block_on(through(&installation, cut, || 16));
    assert_eq!(found.passed, [cut.to_vec()]);
    assert_eq!(found.given_back, None);
    runtime.stop();
}

#[test]
fn a_service_has_left_when_its_last_request_is_over() {
    let runtime = Runtime::start(1, 1, Box::new(NoWaker)).unwrap();
    let installation = installation(&runtime);
    let http_conn = HttpConn::new(installation.clone());
    let mut batch = EventBatch::default();
    let mut has_left = || {
        runtime.events.drain(&mut batch);
        batch
            .events
            .iter()
            .any(|event| matches!(event, Event::Left(0)))
    };
    let Verdict::Ours(service, _) = judge(OURS, &installation) else {
        unreachable!("it is ours");
    };
    http_conn.begin(service, 0);
    installation.remove(0);
    assert!(matches!(judge(OURS, &installation), Verdict::Foreign));
    assert!(!has_left());
    http_conn.response_complete();
    assert!(has_left());
    runtime.stop();
}
