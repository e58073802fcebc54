//! All measures and their goals, in the order of the table.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::capacity::Capacity;
use crate::machine::{Cores, KIB, allow_descriptors, load_average};
use crate::peers::{
    AIOHTTP, API, HYPER, NGINX_RETURN, NGINX_STATIC, NO_PASSWORD, NOT_MODIFIED, Peers, WEBDIS, WRONG_PASSWORD,
};
use crate::report::{Row, number, table};
use crate::saturation::Saturation;
use crate::statistics::{median, quantile};
use crate::system::System;
use crate::{footprint, replicas, steady, streams};

/// The load average up to which a machine counts as quiet.
const QUIET: f64 = 0.3;

/// How long to measure.
#[derive(Debug)]
pub(crate) struct Effort {
    rounds: usize,
    seconds: u64,
    writes: u32,
    starts: usize,
}

impl Effort {
    /// For the record.
    pub(crate) const FULL: Self = Self { rounds: 5, seconds: 3, writes: 300, starts: 30 };
    /// For every day: all of it in less than a minute.
    pub(crate) const QUICK: Self = Self { rounds: 1, seconds: 1, writes: 50, starts: 10 };
}

/// Everything that was measured.
#[derive(Debug)]
pub(crate) struct Found {
    /// What the machine had to do before.
    pub(crate) load_before: f64,
    saturation: Saturation,
    rows: Vec<Row>,
    pub(crate) capacity: Capacity,
}

/// Measures everything. It is an error if any answer was wrong: what such a run would show counts for nothing.
pub(crate) fn measure(effort: &Effort) -> Result<Found> {
    allow_descriptors(footprint::CONNECTIONS as u64 + 1_000)?;
    let load_before = load_average()?;
    if load_before > QUIET {
        eprintln!("this machine is busy (load average {load_before}): what follows is worth little");
    }
    let system = System::start(Cores::find()?)?;
    let peers = Peers::start(&system)?;

    eprintln!("full load: {} rounds of {} s of each", effort.rounds, effort.seconds);
    let saturation = Saturation::measure(&system, &peers, effort.rounds, effort.seconds)?;
    let mut rows = saturation_rows(&saturation);
    rows.push(half_load(&system, &peers, &saturation, effort)?);
    drop(peers);

    for count in [1, 10, 50] {
        eprintln!("from a write to {count} replicas");
        let times = replicas::propagation(&system, count, effort.writes)?;
        let noun = if count == 1 { "API process" } else { "API processes" };
        rows.push(Row::p99(format!("write in Redis → served by {count} {noun}, p99"), 5.0, "ms", &times));
    }
    eprintln!("memory, start, updater");
    let memory = footprint::memory(&system)?;
    rows.push(Row::single("resident memory, idle", 8.0, "MiB", memory.idle / KIB / KIB));
    rows.push(Row::single(
        "… for each of 10,000 idle keep-alive connections more",
        12.0,
        "KiB",
        memory.per_connection / KIB,
    ));
    let starts = footprint::starts(&system, effort.starts)?;
    rows.push(Row::median("start to first 200, Redis ready", 20.0, "ms", &starts));
    let runs = footprint::updater_runs(&system, effort.starts)?;
    let (wall, cpu): (Vec<_>, Vec<_>) = runs.iter().map(|run| (run.wall, run.cpu)).unzip();
    rows.push(Row::median("one updater run, whole process, wall clock", 10.0, "ms", &wall));
    rows.push(Row::median("… CPU", 5.0, "ms", &cpu));
    eprintln!("streams");
    let streams = streams::measure(&system, effort.writes / 10)?;
    rows.push(Row::p99("write in Redis → on all of 10,000 streams, p99", 250.0, "ms", &streams.delivery));
    eprintln!("Redis");
    let capacity = Capacity {
        cpu_per_request: median(&saturation.cpu(API)),
        idle: memory.idle,
        per_connection: memory.per_connection,
        per_stream: streams.memory,
        idle_commands: footprint::idle_commands(&system)?,
    };
    Ok(Found { load_before, saturation, rows, capacity })
}

fn saturation_rows(saturation: &Saturation) -> Vec<Row> {
    let against =
        |measure: &str, at_most, name, other| Row::median(measure, at_most, "", &saturation.ratios(name, other));
    vec![
        against("CPU per request against bare hyper (same headers and body)", 1.15, API, HYPER),
        against("… against nginx `return 200` without authentication", 1.05, API, NGINX_RETURN),
        against("… against nginx static + `auth_basic`", 0.60, API, NGINX_STATIC),
        against("… against webdis, with Redis", 0.35, API, WEBDIS),
        against("… against a Python aiohttp service, with Redis", 0.10, API, AIOHTTP),
        against("CPU of a 304 against a 200", 1.0, NOT_MODIFIED, API),
        against("CPU of a 401 against a 200: no password", 1.0, NO_PASSWORD, API),
        against("… a wrong password", 1.0, WRONG_PASSWORD, API),
        Row::single("Redis commands caused by all these requests", 0.0, "", saturation.redis_commands as f64),
    ]
}

/// Latency at half of what the slower of the two can do, the API and nginx in turn.
fn half_load(system: &System, peers: &Peers, saturation: &Saturation, effort: &Effort) -> Result<Row> {
    let (api, nginx) = (peers.named(API)?, peers.named(NGINX_RETURN)?);
    let rate = saturation.rate(API).min(saturation.rate(NGINX_RETURN)) / 2.0;
    ensure!(rate > 0.0, "no rate");
    eprintln!("half load: {rate:.0} requests/s");
    let p99 = |target| -> Result<f64> {
        Ok(quantile(&steady::run(target, system.cores, rate, Duration::from_secs(effort.seconds))?, 0.99))
    };
    let rounds = (0..effort.rounds).map(|_| Ok((p99(api)?, p99(nginx)?))).collect::<Result<Vec<_>>>()?;
    let (ours, theirs): (Vec<_>, Vec<_>) = rounds.iter().copied().unzip();
    let ratios: Vec<f64> = rounds.iter().map(|(ours, theirs)| ours / theirs).collect();
    let (ours, theirs) = (number(median(&ours)), number(median(&theirs)));
    let measure = format!(
        "p99 at {rate:.0} requests/s, half of saturation, against nginx `return 200` ({ours} µs : {theirs} µs)"
    );
    Ok(Row::median(measure, 1.0, "", &ratios))
}

impl Found {
    /// Each goal and how it was met.
    pub(crate) fn goals(&self) -> String {
        table(["measure", "goal", "measured", "spread", "met"], self.rows.iter().map(Row::cells))
    }

    /// What a request costs each of the servers.
    pub(crate) fn costs(&self) -> String {
        let line = |name: &str| {
            let cpu = self.saturation.cpu(name);
            let [least, middle, most] = [quantile(&cpu, 0.0), median(&cpu), quantile(&cpu, 1.0)].map(number);
            let rate = number(self.saturation.rate(name));
            [name.to_owned(), format!("{middle} µs"), format!("{least} to {most}"), rate]
        };
        table(["server", "CPU per request", "spread", "requests/s"], self.saturation.names().map(line))
    }
}
