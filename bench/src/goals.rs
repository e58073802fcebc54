//! All measurements and their goals, in the order of the table.

use std::time::Duration;

use anyhow::{Result, ensure};
use rustls::HandshakeKind;

use crate::feeds::{self, Feeds};
use crate::machine::{Cores, KIB, MAX_LOAD, allow_descriptors, load_average};
use crate::peers::{AIOHTTP, API, HYPER, NGINX_RETURN, NGINX_STATIC, Peers};
use crate::report::{Row, number, table};
use crate::saturation::Saturation;
use crate::statistics::{median, quantile, spread};
use crate::streams::{self, STREAMS};
use crate::system::System;
use crate::{footprint, replicas, steady, tls};

/// Maximum spread between rounds of the CPU per request, for servers whose work never changes. The tightest goal allows
/// 10 % more CPU than such a server uses. A spread of more than 15 % could hide a missed goal.
const MAX_SPREAD: f64 = 0.15;

const HEADER: [&str; 5] = ["measure", "goal", "measured", "spread", "met"];

/// How long to measure.
#[derive(Debug)]
pub(crate) struct Effort {
    rounds: usize,
    seconds: u64,
    writes: u32,
    starts: usize,
    handshakes: u32,
    feeds: &'static [usize],
}

impl Effort {
    /// For published results.
    pub(crate) const FULL: Self =
        Self { rounds: 5, seconds: 3, writes: 300, starts: 30, handshakes: 1_500, feeds: &[100, 300, 1_000] };
    /// For daily use: the same measurements in about a minute.
    pub(crate) const QUICK: Self =
        Self { rounds: 1, seconds: 1, writes: 50, starts: 10, handshakes: 300, feeds: &[100] };
}

/// All results.
#[derive(Debug)]
pub(crate) struct Results {
    /// The load average at the start.
    pub(crate) load_before: f64,
    saturation: Saturation,
    rows: Vec<Row>,
    feeds: Vec<Feeds>,
}

/// Measures everything. Fails if a response is wrong, because the results of such a run are invalid.
pub(crate) fn measure(effort: &Effort) -> Result<Results> {
    allow_descriptors(STREAMS as u64 + 1_000)?;
    let load_before = load_average()?;
    let system = System::start(Cores::find()?)?;
    let peers = Peers::start(&system)?;

    eprintln!("full load: {} rounds of {} s for each server", effort.rounds, effort.seconds);
    let saturation = Saturation::measure(&system, &peers, effort.rounds, effort.seconds)?;
    let mut rows = saturation_rows(&saturation);
    rows.push(half_load(&system, &peers, &saturation, effort)?);
    eprintln!("TLS handshakes");
    rows.extend(handshakes(&system, &peers, effort)?);
    drop(peers);

    let streams = stream_rounds(&system, effort)?;
    rows.extend(stream_rows(&streams));
    for (count, measure) in [(1, "write in Redis → served by 1 API process, p99"), (10, "… by 10 API processes, p99")]
    {
        eprintln!("delay from a write to {count} replicas");
        let times = replicas::propagation(&system, count, effort.writes)?;
        rows.push(Row::p99(measure, 5.0, "ms", &times));
    }
    eprintln!("memory, start-up, updater");
    let (idle, per_connection) = footprint::memory(&system)?;
    let per_stream = median(&streams.iter().map(|round| round.one_core.memory).collect::<Vec<_>>());
    let [http1, http2] = tls::memory(&system)?;
    rows.push(Row::median("resident memory, idle", 8.0, "MiB", &[idle / KIB / KIB]));
    for (measure, at_most, bytes) in [
        ("… per idle keep-alive connection", 16.0, per_connection),
        ("… per stream", 8.0, per_stream),
        ("… per idle TLS connection, HTTP/1.1", 24.0, http1),
        ("… per idle TLS connection, HTTP/2", 16.0, http2),
    ] {
        rows.push(Row::median(measure, at_most, "KiB", &[bytes / KIB]));
    }
    let starts = footprint::starts(&system, effort.starts)?;
    rows.push(Row::median("start to first 200, Redis ready", 20.0, "ms", &starts));
    let runs = footprint::updater_runs(&system, effort.starts)?;
    let (wall, cpu): (Vec<_>, Vec<_>) = runs.into_iter().unzip();
    rows.push(Row::median("one updater run, whole process, wall clock", 10.0, "ms", &wall));
    rows.push(Row::median("… CPU time", 5.0, "ms", &cpu));
    eprintln!("Redis commands of an idle replica");
    let idle_commands = footprint::idle_commands(&system)?;
    rows.push(Row::median("Redis commands per minute of an idle replica", 20.0, "", &[idle_commands]));
    drop(system);
    Ok(Results { load_before, saturation, rows, feeds: simulate(effort)? })
}

/// Measures each number of feeds, one after the other.
pub(crate) fn simulate(effort: &Effort) -> Result<Vec<Feeds>> {
    let system = System::start(Cores::find()?)?;
    let run = |&count: &usize| {
        eprintln!("{count} feeds");
        feeds::measure(&system, count, effort.writes / 5)
    };
    effort.feeds.iter().map(run).collect()
}

fn saturation_rows(saturation: &Saturation) -> Vec<Row> {
    let against = |measure: &str, at_most, other| Row::median(measure, at_most, "", &saturation.ratios(API, other));
    vec![
        against("CPU per request against bare hyper (same headers and body)", 1.10, HYPER),
        against("… against nginx `return 200` without authentication", 1.0, NGINX_RETURN),
        against("… against nginx static + `auth_basic`", 0.60, NGINX_STATIC),
        against("… against a Python aiohttp service, with Redis", 0.10, AIOHTTP),
    ]
}

/// Latency at half of the maximum rate of the slower server. The API and nginx take turns.
fn half_load(system: &System, peers: &Peers, saturation: &Saturation, effort: &Effort) -> Result<Row> {
    let (api, nginx) = (peers.named(API)?, peers.named(NGINX_RETURN)?);
    let rate = saturation.rate(API).min(saturation.rate(NGINX_RETURN)) / 2.0;
    ensure!(rate > 0.0, "the maximum rate is 0");
    eprintln!("half load: {rate:.0} requests/s");
    let p99 = |target| -> Result<f64> {
        Ok(quantile(&steady::run(target, system.cores, rate, Duration::from_secs(effort.seconds))?, 0.99))
    };
    // More rounds than for the CPU: one pause of the machine decides the p99 of a round.
    let rounds = (0..3 * effort.rounds).map(|_| Ok((p99(api)?, p99(nginx)?))).collect::<Result<Vec<_>>>()?;
    let measure = format!("p99 at {rate:.0} requests/s, half of saturation, against nginx `return 200`");
    Ok(Row::ratios(&measure, 1.0, "µs", &rounds))
}

/// CPU time of TLS handshakes. The API and nginx take turns.
fn handshakes(system: &System, peers: &Peers, effort: &Effort) -> Result<Vec<Row>> {
    let row = |(kind, measure)| {
        let cpu = |target| tls::handshakes(system, target, kind, effort.handshakes);
        let [api, nginx] = &peers.tls;
        let rounds = (0..effort.rounds).map(|_| Ok((cpu(api)?, cpu(nginx)?))).collect::<Result<Vec<_>>>()?;
        Ok(Row::ratios(measure, 1.0, "µs", &rounds))
    };
    let full = "CPU of a TLS 1.3 handshake (ECDSA P-256) and its first request, against nginx";
    [(HandshakeKind::Full, full), (HandshakeKind::Resumed, "… of a resumed session")].into_iter().map(row).collect()
}

fn stream_rounds(system: &System, effort: &Effort) -> Result<Vec<streams::Round>> {
    eprintln!("{STREAMS} streams");
    (0..effort.rounds).map(|_| streams::round(system, effort.writes / 20)).collect()
}

/// Only the rows about streams.
pub(crate) fn streams_alone(effort: &Effort) -> Result<String> {
    allow_descriptors(STREAMS as u64 + 1_000)?;
    let rounds = stream_rounds(&System::start(Cores::find()?)?, effort)?;
    Ok(table(HEADER, stream_rows(&rounds).iter().map(Row::cells)))
}

fn stream_rows(rounds: &[streams::Round]) -> [Row; 4] {
    let row = |measure: &str, at_most, unit, figures: fn(&streams::Round) -> (f64, f64)| {
        Row::ratios(measure, at_most, unit, &rounds.iter().map(figures).collect::<Vec<_>>())
    };
    let one_core = "write in Redis → received on the last of 10,000 streams, against a write loop";
    [
        row(one_core, 1.3, "ms", |round| (round.one_core.time, round.write_loop)),
        row("… with two cores for the API", 0.7, "ms", |round| (round.all_cores.time, round.write_loop)),
        row("CPU of an event on 10,000 streams, against nginx with nchan", 1.0, "ms", |round| {
            (round.one_core.cpu, round.nchan.cpu)
        }),
        row("resident memory per stream, against nginx with nchan", 1.0, "KiB", |round| {
            (round.one_core.memory / KIB, round.nchan.memory / KIB)
        }),
    ]
}

impl Results {
    /// The table of goals, and the CPU time per request.
    pub(crate) fn goals(&self) -> String {
        let goals = table(HEADER, self.rows.iter().map(Row::cells));
        let [api, hyper, nginx] = [API, HYPER, NGINX_RETURN].map(|name| number(median(&self.saturation.cpu(name))));
        format!("{goals}\n\nCPU per request: API {api} µs, bare hyper {hyper} µs, nginx `return 200` {nginx} µs.")
    }

    /// The table of feeds.
    pub(crate) fn feeds(&self) -> String {
        feeds::lines(&self.feeds)
    }

    /// The reasons why the machine was too busy for valid results.
    pub(crate) fn objections(&self) -> Vec<String> {
        let load = self.load_before;
        let load = (load > MAX_LOAD).then(|| format!("the load average was {load} at the start (limit: {MAX_LOAD})"));
        let spread = |name| {
            let percent = 100.0 * spread(&self.saturation.cpu(name));
            let max = 100.0 * MAX_SPREAD;
            (percent > max).then(|| {
                format!("the CPU per request of {name} differed by {percent:.0} % between rounds (limit: {max:.0} %)")
            })
        };
        load.into_iter().chain([HYPER, NGINX_RETURN].into_iter().filter_map(spread)).collect()
    }
}
