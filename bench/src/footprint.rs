//! Memory and start-up.

use std::net::TcpStream;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use wrpi_test::{Api, Connection, PATIENCE, binary, resident_bytes};

use crate::machine::Cores;
use crate::system::System;

/// How many connections are kept at once.
const CONNECTIONS: usize = 10_000;

/// How long an idle API is watched: two of its heartbeats.
const IDLE: Duration = Duration::from_secs(10);

/// Bytes of resident memory of one API process on all cores, after its first request; and what each of [`CONNECTIONS`]
/// connections adds that has had an answer and is kept.
pub(crate) fn memory(system: &System) -> Result<(f64, f64)> {
    let api = system.api()?;
    let idle = resident_bytes(api.service.id()) as f64;
    let target = system.target("wrpi-api", api.port(), Vec::new());
    let mut kept = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        // Not `Connection::open`, which takes two descriptors.
        let stream = TcpStream::connect(target.address())?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut connection = Connection::over(stream);
        target.ask(&mut connection)?;
        kept.push(connection);
    }
    let per_connection = (resident_bytes(api.service.id()) as f64 - idle) / CONNECTIONS as f64;
    for connection in &mut kept {
        target.ask(connection).context("a kept connection was closed")?;
    }
    Ok((idle, per_connection))
}

/// Milliseconds from starting an API process, its Redis ready, to its first 200; `count` times.
pub(crate) fn starts(system: &System, count: usize) -> Result<Vec<f64>> {
    let start = || {
        let start = Instant::now();
        let api = Cores::pinned(system.cores.server, || Ok(system.spawn_api(&[], &[])))?;
        system.target("wrpi-api", api.port(), Vec::new()).becomes_right()?;
        Ok(start.elapsed().as_secs_f64() * 1e3)
    };
    (0..count).map(|_| start()).collect()
}

/// How many commands a minute one API process sends to Redis while nothing happens, as it is set by default.
pub(crate) fn idle_commands(system: &System) -> Result<f64> {
    let api = Api::follow(&system.redis, &[]);
    api.becomes_ready();
    let commands = || system.redis_statistic("total_commands_processed");
    let before = commands()?;
    sleep(IDLE);
    // The second of the two that ask counts itself or the first.
    Ok((commands()? - before - 1.0) * 60.0 / IDLE.as_secs_f64())
}

/// Runs the updater `count` times, and gives what each run takes from its start to its end: milliseconds, and those of
/// CPU time.
pub(crate) fn updater_runs(system: &System, count: usize) -> Result<Vec<(f64, f64)>> {
    let cpu_of_ended = || -> Result<Duration> {
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
        let microseconds = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
        Ok(Duration::from_micros(microseconds.try_into()?))
    };
    let run = || {
        let mut updater = Command::new(binary("updater"));
        updater.envs(system.redis.environment()).env("RUST_LOG", "warn");
        let (cpu_before, start) = (cpu_of_ended()?, Instant::now());
        let status = Cores::pinned(system.cores.server, || Ok(updater.status()?))?;
        let (wall, cpu) = (start.elapsed(), cpu_of_ended()? - cpu_before);
        ensure!(status.success(), "the updater ended with {status}");
        Ok((wall.as_secs_f64() * 1e3, cpu.as_secs_f64() * 1e3))
    };
    let runs = (0..count).map(|_| run()).collect();
    system.write_first();
    runs
}
