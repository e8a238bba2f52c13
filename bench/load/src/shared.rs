//! Shared by all clients of a run: the wire forms of the message, the clock, the counts.

use crate::args::{Args, Protocol};
use crate::payload::{Form, Text};
use crate::stream::Dialer;
use anyhow::{Result, bail, ensure};
use hdrhistogram::Histogram;
use std::time::Instant;

pub struct Shared {
    pub args: Args,
    pub dialer: Dialer,
    /// The buffer for the reads of all connections.
    pub buffer: Vec<u8>,
    /// One message as the client sends it.
    pub outgoing: Form,
    /// One message as the server must send it.
    pub incoming: Form,
    pub stats: Stats,
    pub fan_out: FanOut,
    /// Whether the next message follows a finished one.
    pub sending: bool,
    /// Connections or sessions that are open.
    pub ready: usize,
    clock: Instant,
    /// Nanoseconds since the run began, as of the last [`tick`](Self::tick).
    pub now: u64,
}

/// The counts.
pub struct Stats {
    /// Whether messages count for the report.
    pub measuring: bool,
    pub measured: u64,
    /// In nanoseconds.
    pub latencies: Histogram<u64>,
    /// All messages since the start.
    pub finished: u64,
    /// Messages that were sent and whose echo is missing.
    pub under_way: usize,
}

/// The progress of each sender of a fan-out.
#[derive(Default)]
pub struct FanOut {
    pub senders: Vec<Sender>,
    /// Senders whose message has reached all members.
    pub done: Vec<usize>,
}

#[derive(Clone, Default)]
pub struct Sender {
    pub sent_at: u64,
    /// Members that have not got the current message.
    pub missing: usize,
}

impl Shared {
    pub fn new(args: Args, dialer: Dialer) -> Self {
        let text = Text::new(args.kind, args.size);
        let form = |text: &str| Form::new(text.as_bytes().to_vec());
        let (outgoing, incoming) = match args.protocol {
            Protocol::RawWebsocket => (form(text.plain()).into_frame(), form(text.plain())),
            Protocol::Websocket => {
                let outgoing = form(&format!("[{}]", text.json())).into_frame();
                (outgoing, form(&text.sockjs()))
            }
            Protocol::SocketIo => {
                let event = format!("42[\"m\",{}]", text.json());
                (form(&event).into_frame(), form(&event))
            }
            Protocol::XhrPolling
            | Protocol::XhrStreaming
            | Protocol::Eventsource
            | Protocol::Info => (form(&text.json()), form(&text.sockjs())),
        };
        Self {
            fan_out: FanOut {
                senders: vec![Sender::default(); args.senders],
                done: Vec::with_capacity(args.senders),
            },
            args,
            dialer,
            buffer: vec![0; READ_BUFFER],
            outgoing,
            incoming,
            stats: Stats {
                measuring: false,
                measured: 0,
                latencies: Histogram::new_with_max(HOUR, DIGITS).expect("both are in its range"),
                finished: 0,
                under_way: 0,
            },
            sending: false,
            ready: 0,
            clock: Instant::now(),
            now: 0,
        }
    }

    /// Reads the clock.
    pub fn tick(&mut self) {
        // 64 bits hold 584 years.
        self.now = u64::try_from(self.clock.elapsed().as_nanos()).unwrap_or(u64::MAX);
    }

    /// Whether each echo is answered by the next message at once.
    pub fn closed_loop(&self) -> bool {
        self.sending && self.args.rate.is_none()
    }

    /// Counts a message that was sent at `since`.
    pub fn finish(&mut self, since: u64) {
        self.stats.finished += 1;
        if self.stats.measuring {
            self.stats.measured += 1;
            let latency = self.now.saturating_sub(since);
            self.stats.latencies.saturating_record(latency);
        }
    }

    /// Checks that `bytes` begin with message `id` and returns its length.
    pub fn expect(&mut self, id: u64, bytes: &[u8]) -> Result<usize> {
        if self.incoming.begins(id, bytes) {
            return Ok(self.incoming.len());
        }
        bail!(
            "message {id:016x} was expected, but this came: {}",
            excerpt(bytes)
        );
    }
}

/// Calls `on_message` with each message of `[…,…]`; it returns the message's length.
pub fn each_message(
    array: &[u8],
    mut on_message: impl FnMut(&[u8]) -> Result<usize>,
) -> Result<()> {
    ensure!(array.first() == Some(&b'['), "no array: {}", excerpt(array));
    let mut rest = array;
    loop {
        let len = on_message(&rest[1..])?;
        rest = &rest[1 + len..];
        match rest {
            b"]" => return Ok(()),
            [b',', ..] => {}
            _ => bail!("after a message of an array: {}", excerpt(rest)),
        }
    }
}

/// The beginning of the bytes that the server sent, for an error message.
pub fn excerpt(bytes: &[u8]) -> String {
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]);
    format!("{shown:?} ({} bytes)", bytes.len())
}

/// Significant digits of a latency: the error is less than one per cent.
const DIGITS: u8 = 2;
/// The longest latency that is recorded, in nanoseconds; longer ones count as this one.
const HOUR: u64 = 3_600_000_000_000;

/// Large enough that most reads do not fill it.
const READ_BUFFER: usize = 256 * 1024;
