//! The command line of a run.

use crate::payload::Kind;
use clap::{Parser, ValueEnum};
use std::net::SocketAddr;

/// Loads one echo server over loopback, checks every payload and prints one line of JSON.
#[derive(Clone, Debug, Parser)]
pub struct Args {
    /// Address of the server; must be a loopback address.
    pub target: SocketAddr,
    #[arg(long, value_enum, default_value_t = Protocol::Websocket)]
    pub protocol: Protocol,
    #[arg(long, value_enum, default_value_t = Scenario::Echo)]
    pub scenario: Scenario,
    /// Path prefix of the service.
    #[arg(long, default_value = "/echo")]
    pub prefix: String,
    /// Connections (sessions, for the HTTP transports).
    #[arg(long, default_value_t = 100)]
    pub connections: usize,
    /// Messages under way on each connection; over HTTP one `xhr_send` carries them all.
    #[arg(long, default_value_t = 1)]
    pub in_flight: usize,
    /// Fan-out only: the number of connections that send.
    #[arg(long, default_value_t = 10)]
    pub senders: usize,
    /// Fan-out only: the number of connections that get each message; without it, all of them get it.
    #[arg(long)]
    pub members: Option<usize>,
    /// Bytes of one message in UTF-8.
    #[arg(long, default_value_t = 32)]
    pub size: usize,
    #[arg(long, value_enum, default_value_t = Kind::Ascii)]
    pub kind: Kind,
    /// Messages a second over all connections, evenly spaced; without it each echo is answered by the
    /// next message at once.
    #[arg(long)]
    pub rate: Option<f64>,
    /// The measurement ends after this number of seconds …
    #[arg(long, default_value_t = 2.0)]
    pub seconds: f64,
    /// … or after this number of messages, whichever comes first.
    #[arg(long, default_value_t = u64::MAX)]
    pub messages: u64,
    /// The warm-up ends after this number of seconds …
    #[arg(long, default_value_t = 0.5)]
    pub warmup_seconds: f64,
    /// … or after this number of messages, whichever comes first.
    #[arg(long, default_value_t = u64::MAX)]
    pub warmup_messages: u64,
    /// Give up when nothing arrives for this number of seconds.
    #[arg(long, default_value_t = 10.0)]
    pub stall_seconds: f64,
    /// Process id of the server, whose CPU time is sampled at both ends of the measurement.
    #[arg(long)]
    pub pid: Option<u32>,
    /// Never sleep, on a CPU of its own, so that the server's kernel does not have to wake the load generator.
    #[arg(long)]
    pub spin: bool,
    /// Speak TLS. The certificate is not checked.
    #[arg(long)]
    pub tls: bool,
}

/// The protocol on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    /// `SockJS` websocket.
    Websocket,
    /// Raw messages, on `<prefix>/websocket`.
    RawWebsocket,
    /// socket.io 5 over engine.io 4, websocket only.
    SocketIo,
    XhrPolling,
    XhrStreaming,
    Eventsource,
    /// `GET <prefix>/info`.
    Info,
}

/// How the connections are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    Echo,
    /// A new connection for every message: connect, handshake, one echo, close.
    Churn,
    /// The server writes every message to all members of the sender's room; a delivery counts as a message.
    FanOut,
    /// Open the connections, print `ready`, hold them until standard input ends.
    Idle,
    /// As `Idle`, but the connections do not read, and their kernel buffers are small.
    Stalled,
}

impl Args {
    /// The connections whose messages this connection gets in a fan-out: itself, and others that are spread evenly.
    /// The servers compute the same (`enter` in `servers/rooms.js`).
    pub fn senders_to(&self, connection: usize) -> Vec<usize> {
        let all = self.connections;
        let senders = (0..self.members.unwrap_or(all)).map(|step| match self.members {
            Some(_) => (connection + (all - STRIDE % all) * step) % all,
            None => step,
        });
        senders.filter(|sender| *sender < self.senders).collect()
    }

    /// Refuses options that contradict each other.
    pub fn check(&self) -> anyhow::Result<()> {
        use anyhow::ensure;
        ensure!(
            self.target.ip().is_loopback(),
            "{} is not a loopback address",
            self.target
        );
        ensure!(
            (1..=0xffff).contains(&self.connections),
            "--connections must be 1 to 65535"
        );
        ensure!(self.in_flight > 0, "--in-flight must be 1 or more");
        let least = self.kind.least_size();
        ensure!(
            self.size >= least,
            "--size must be {least} or more for this kind"
        );
        if self.scenario != Scenario::Echo {
            ensure!(
                self.protocol.is_websocket(),
                "this scenario needs a websocket protocol"
            );
            ensure!(self.rate.is_none(), "--rate is for echoes");
        }
        if self.scenario == Scenario::FanOut {
            ensure!(
                (1..=self.connections).contains(&self.senders),
                "--senders must be 1 to the number of connections"
            );
            ensure!(
                self.in_flight == 1,
                "a fan-out has one message in flight per sender"
            );
            let all = self.connections;
            ensure!(
                self.members.is_none_or(
                    |members| (1..=all).contains(&members) && !all.is_multiple_of(STRIDE)
                ),
                "--members must be 1 to the number of connections, which {STRIDE} must not divide"
            );
        }
        if self.rate.is_some() {
            ensure!(
                self.protocol.is_websocket(),
                "--rate needs a websocket protocol"
            );
        }
        Ok(())
    }
}

/// The distance between two members of a room. The number of connections is no multiple of this prime, so that all
/// members of a room are different.
const STRIDE: usize = 97;

impl Protocol {
    pub fn is_websocket(self) -> bool {
        matches!(self, Self::Websocket | Self::RawWebsocket | Self::SocketIo)
    }
}
