//! The load generator: opens connections to one server, keeps messages under way, checks every echo.
//!
//! One thread, one epoll, no allocation per message. The phases of a run: open all connections, warm up,
//! measure (the server's CPU time is sampled at both ends), wait for the messages under way, report.

mod args;
mod frame;
mod http;
mod info;
mod payload;
mod procfs;
mod session;
mod shared;
mod stream;
mod websocket;

use anyhow::{Context, Result, bail, ensure};
use args::{Args, Protocol, Scenario};
use clap::Parser;
use info::Info;
use mio::{Events, Poll};
use procfs::{Sample, Usage};
use serde::Serialize;
use session::Session;
use shared::Shared;
use std::io::Read;
use std::process::ExitCode;
use std::time::Duration;
use stream::Dialer;
use websocket::Websocket;

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<()> {
    args.check()?;
    raise_descriptor_limit(&args)?;
    let scenario = args.scenario;
    let mut load = Load::new(args)?;
    load.open()?;
    if matches!(scenario, Scenario::Idle | Scenario::Stalled) {
        println!("ready");
        return load.hold(scenario == Scenario::Idle);
    }
    let report = load.measure()?;
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}

fn raise_descriptor_limit(args: &Args) -> Result<()> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("raising the limit of open files")?;
    let needed = args.connections as u64 * 2 + 32;
    ensure!(
        limit.maximum.is_none_or(|maximum| maximum >= needed),
        "{needed} open files are needed: raise the hard limit (ulimit -Hn)"
    );
    Ok(())
}

/// The report, printed as one line of JSON.
#[derive(Serialize)]
struct Report {
    /// Messages within the measurement.
    messages: u64,
    seconds: f64,
    /// Messages a second.
    rate: f64,
    latency_us: Latency,
    cpu: Usage,
}

#[derive(Serialize)]
struct Latency {
    p50: f64,
    p99: f64,
    p999: f64,
    max: f64,
}

enum Client {
    Websocket(Websocket),
    Session(Session),
    Info(Info),
}

struct Load {
    poll: Poll,
    events: Events,
    clients: Vec<Client>,
    shared: Shared,
    pacer: Option<Pacer>,
}

/// Sends at a fixed rate over all connections in turn.
struct Pacer {
    /// Nanoseconds between two messages.
    gap: f64,
    started: u64,
    sent: u64,
    next_client: usize,
}

impl Load {
    fn new(args: Args) -> Result<Self> {
        let poll = Poll::new()?;
        let dialer = Dialer {
            registry: poll.registry().try_clone()?,
            target: args.target,
            tls: args.tls.then(stream::tls_config).transpose()?,
            small_buffers: args.scenario == Scenario::Stalled,
        };
        let shared = Shared::new(args, dialer);
        let client = |index| match shared.args.protocol {
            Protocol::Websocket | Protocol::RawWebsocket | Protocol::SocketIo => {
                Client::Websocket(Websocket::new(index, &shared))
            }
            Protocol::XhrPolling | Protocol::XhrStreaming | Protocol::Eventsource => {
                Client::Session(Session::new(index, &shared))
            }
            Protocol::Info => Client::Info(Info::new(index, &shared)),
        };
        Ok(Self {
            poll,
            events: Events::with_capacity(1024),
            clients: (0..shared.args.connections).map(client).collect(),
            shared,
            pacer: None,
        })
    }

    /// Opens all connections, a few at a time, so that no backlog overflows.
    fn open(&mut self) -> Result<()> {
        if self.shared.args.scenario == Scenario::Churn {
            return Ok(());
        }
        let mut opened = 0;
        let mut stall = Stall::new(&self.shared, 0);
        while self.shared.ready < self.clients.len() {
            while opened < self.clients.len() && opened - self.shared.ready < OPENING_AT_ONCE {
                match &mut self.clients[opened] {
                    Client::Websocket(client) => client.open(&mut self.shared)?,
                    Client::Session(client) => client.open(&mut self.shared)?,
                    Client::Info(client) => client.open(&mut self.shared)?,
                }
                opened += 1;
            }
            self.poll_once()?;
            let ready = self.shared.ready;
            stall.check(&self.shared, ready as u64, || {
                format!("{ready} of {} connections opened", self.clients.len())
            })?;
        }
        Ok(())
    }

    /// Keeps the connections until standard input ends. They read if `reading`.
    fn hold(mut self, reading: bool) -> Result<()> {
        let (ended, end) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            let _ = ended.send(());
        });
        if !reading {
            let _ = end.recv();
            return Ok(());
        }
        while end.try_recv().is_err() {
            self.poll_once()?;
        }
        Ok(())
    }

    fn measure(&mut self) -> Result<Report> {
        self.shared.sending = true;
        self.shared.tick();
        for client in &mut self.clients {
            match client {
                Client::Websocket(client) => client.start(&mut self.shared)?,
                Client::Session(client) => client.post(&mut self.shared)?,
                Client::Info(client) => client.ask(&mut self.shared)?,
            }
        }
        let args = self.shared.args.clone();
        self.pacer = args.rate.map(|rate| Pacer {
            gap: 1e9 / rate,
            started: self.shared.now,
            sent: 0,
            next_client: 0,
        });
        self.run_for(args.warmup_seconds, args.warmup_messages)?;

        let before = Sample::take(args.pid)?;
        self.shared.tick();
        let started = self.shared.now;
        self.shared.stats.measuring = true;
        self.run_for(args.seconds, args.messages)?;
        self.shared.stats.measuring = false;
        let elapsed = self.shared.now - started;
        let after = Sample::take(args.pid)?;

        self.shared.sending = false;
        self.drain()?;
        let stats = &self.shared.stats;
        ensure!(
            stats.measured > 0,
            "no message arrived during the measurement"
        );
        let micros = |share| stats.latencies.value_at_quantile(share) as f64 / 1e3;
        let seconds = elapsed as f64 / 1e9;
        Ok(Report {
            messages: stats.measured,
            seconds,
            rate: stats.measured as f64 / seconds,
            latency_us: Latency {
                p50: micros(0.5),
                p99: micros(0.99),
                p999: micros(0.999),
                max: stats.latencies.max() as f64 / 1e3,
            },
            cpu: before.until(&after, args.pid),
        })
    }

    /// Runs until it has taken `seconds` or finished `messages`, whichever comes first.
    fn run_for(&mut self, seconds: f64, messages: u64) -> Result<()> {
        let started = self.shared.now;
        let first = self.shared.stats.finished;
        let mut stall = Stall::new(&self.shared, first);
        loop {
            self.poll_once()?;
            let finished = self.shared.stats.finished;
            if finished - first >= messages || (self.shared.now - started) as f64 / 1e9 >= seconds {
                return Ok(());
            }
            let under_way = self.shared.stats.under_way;
            stall.check(&self.shared, finished, || {
                format!("no more messages arrive; {under_way} messages are under way")
            })?;
        }
    }

    /// Waits for the messages under way, none of which may be lost.
    fn drain(&mut self) -> Result<()> {
        let mut stall = Stall::new(&self.shared, self.shared.stats.finished);
        while self.shared.stats.under_way > 0 {
            self.poll_once()?;
            let under_way = self.shared.stats.under_way;
            stall.check(&self.shared, self.shared.stats.finished, || {
                format!("{under_way} messages are lost")
            })?;
        }
        Ok(())
    }

    /// Waits for events and handles them.
    fn poll_once(&mut self) -> Result<()> {
        // With a fixed rate it does not sleep, because the timeout of epoll is too coarse.
        let pacing = self.shared.sending && self.pacer.is_some();
        let timeout = if pacing || self.shared.args.spin {
            Duration::ZERO
        } else {
            LONGEST_WAIT
        };
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => {
                return Err(error).context("poll");
            }
            _ => {}
        }
        self.shared.tick();
        for event in &self.events {
            let (index, channel) = (event.token().0 / 2, event.token().0 % 2);
            self.shared.tick();
            match &mut self.clients[index] {
                Client::Websocket(client) => client.on_event(event, &mut self.shared),
                Client::Session(client) => client.on_event(channel, event, &mut self.shared),
                Client::Info(client) => client.on_event(event, &mut self.shared),
            }
            .with_context(|| format!("connection {index}"))?;
        }
        self.continue_fan_out()?;
        self.pace()
    }

    /// Sends the next message of each sender whose last one has reached all members.
    fn continue_fan_out(&mut self) -> Result<()> {
        while let Some(sender) = self.shared.fan_out.done.pop() {
            if let (true, Client::Websocket(client)) =
                (self.shared.sending, &mut self.clients[sender])
            {
                client.send(&mut self.shared)?;
            }
        }
        Ok(())
    }

    /// Sends the messages that the rate requires up to now. A connection without room is skipped.
    fn pace(&mut self) -> Result<()> {
        let Some(pacer) = self.pacer.as_mut().filter(|_| self.shared.sending) else {
            return Ok(());
        };
        let count = self.clients.len();
        let due =
            |pacer: &Pacer, now: u64| (now - pacer.started) as f64 / pacer.gap > pacer.sent as f64;
        let mut tried = 0;
        while due(pacer, self.shared.now) && tried < count {
            let client = &mut self.clients[pacer.next_client];
            pacer.next_client = (pacer.next_client + 1) % count;
            tried += 1;
            if let Client::Websocket(client) = client
                && client.has_room()
            {
                pacer.sent += 1;
                client.send(&mut self.shared)?;
            }
        }
        Ok(())
    }
}

/// Notices that a count has stopped growing.
struct Stall {
    count: u64,
    since: u64,
}

impl Stall {
    fn new(shared: &Shared, count: u64) -> Self {
        let since = shared.now;
        Self { count, since }
    }

    fn check(&mut self, shared: &Shared, count: u64, what: impl FnOnce() -> String) -> Result<()> {
        if count != self.count {
            *self = Self::new(shared, count);
        }
        let seconds = (shared.now - self.since) as f64 / 1e9;
        if seconds > shared.args.stall_seconds {
            bail!("{} (waited {seconds:.0} s)", what());
        }
        Ok(())
    }
}

const OPENING_AT_ONCE: usize = 64;
const LONGEST_WAIT: Duration = Duration::from_millis(50);
