//! CPU times of processes and of the machine, from `/proc`.

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;

/// CPU times at one moment, in nanoseconds.
pub struct Sample {
    /// The server's threads by thread id.
    server: BTreeMap<u32, Thread>,
    own: u64,
    /// The time in which the CPUs were not idle, and the time that the hypervisor took.
    busy: u64,
    stolen: u64,
}

struct Thread {
    name: String,
    nanoseconds: u64,
}

/// CPU time between two samples.
#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the JSON says its units")]
pub struct Usage {
    /// All threads of the server.
    pub server_ns: u64,
    /// Its main thread, which runs JavaScript.
    pub server_main_ns: u64,
    /// Nanoseconds by name of thread, without the threads that did nothing.
    pub server_threads_ns: BTreeMap<String, u64>,
    pub load_ns: u64,
    /// The time that the machine's CPUs spent on other processes.
    pub others_ns: u64,
    pub stolen_ns: u64,
}

impl Sample {
    pub fn take(server: Option<u32>) -> Result<Self> {
        let (busy, stolen) = machine()?;
        Ok(Self {
            server: server.map(threads).transpose()?.unwrap_or_default(),
            own: threads(std::process::id())?
                .values()
                .map(|thread| thread.nanoseconds)
                .sum(),
            busy,
            stolen,
        })
    }

    /// The usage from `self` to `later`. `server` is the process id, which is also the id of its main thread.
    pub fn until(&self, later: &Self, server: Option<u32>) -> Usage {
        let mut by_name = BTreeMap::new();
        let mut main = 0;
        for (id, thread) in &later.server {
            let before = self.server.get(id).map_or(0, |thread| thread.nanoseconds);
            let spent = thread.nanoseconds.saturating_sub(before);
            if Some(*id) == server {
                main = spent;
            }
            if spent > 0 {
                *by_name.entry(thread.name.clone()).or_insert(0) += spent;
            }
        }
        let server_ns: u64 = by_name.values().sum();
        let load_ns = later.own.saturating_sub(self.own);
        Usage {
            server_ns,
            server_main_ns: main,
            server_threads_ns: by_name,
            load_ns,
            others_ns: later
                .busy
                .saturating_sub(self.busy)
                .saturating_sub(server_ns + load_ns),
            stolen_ns: later.stolen.saturating_sub(self.stolen),
        }
    }
}

fn threads(process: u32) -> Result<BTreeMap<u32, Thread>> {
    let folder = format!("/proc/{process}/task");
    let mut threads = BTreeMap::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("no process {process}"))? {
        let path = entry?.path();
        // A thread may have ended since it was listed.
        let (Ok(stat), Ok(name)) = (
            fs::read_to_string(path.join("schedstat")),
            fs::read_to_string(path.join("comm")),
        ) else {
            continue;
        };
        let id = path
            .file_name()
            .and_then(|name| name.to_str()?.parse().ok());
        let nanoseconds = stat.split(' ').next().and_then(|field| field.parse().ok());
        let (Some(id), Some(nanoseconds)) = (id, nanoseconds) else {
            continue;
        };
        let name = name.trim_end().to_owned();
        threads.insert(id, Thread { name, nanoseconds });
    }
    ensure!(!threads.is_empty(), "{folder} has no CPU times");
    Ok(threads)
}

/// Busy and stolen nanoseconds of all CPUs since boot.
fn machine() -> Result<(u64, u64)> {
    let stat = fs::read_to_string("/proc/stat")?;
    let line = stat.lines().next().context("an empty /proc/stat")?;
    let ticks: Vec<u64> = line
        .split_whitespace()
        .skip(1)
        .filter_map(|field| field.parse().ok())
        .collect();
    // proc(5): user nice system idle iowait irq softirq steal guest guest_nice; the time of
    // guests is part of the user time. A tick is 1/100 s on every Linux (USER_HZ).
    let [user, nice, system, _, _, irq, softirq, steal, ..] = ticks[..] else {
        anyhow::bail!("an unknown /proc/stat");
    };
    let nanoseconds = |ticks: u64| ticks * 10_000_000;
    Ok((
        nanoseconds(user + nice + system + irq + softirq),
        nanoseconds(steal),
    ))
}
