//! Memory and start-up time of the API, its Redis commands while idle, and the cost of an updater run.

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

/// Number of open connections.
const CONNECTIONS: usize = 10_000;

/// How long to observe an idle API: two heartbeats.
const IDLE: Duration = Duration::from_secs(10);

/// Bytes of resident memory of one API process on all cores, after its first response. Then the increase for each of
/// [`CONNECTIONS`] connections, after a response on each.
pub(crate) fn memory(system: &System) -> Result<(f64, f64)> {
    let api = system.api()?;
    let idle = resident_bytes(api.service.id()) as f64;
    let target = system.target("wrpi-api", api.port(), Vec::new());
    let mut kept = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        // `Connection::open` would use two descriptors.
        let stream = TcpStream::connect(target.address())?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut connection = Connection::over(stream);
        target.ask(&mut connection)?;
        kept.push(connection);
    }
    let per_connection = (resident_bytes(api.service.id()) as f64 - idle) / CONNECTIONS as f64;
    for connection in &mut kept {
        target.ask(connection).context("the API closed an idle connection")?;
    }
    Ok((idle, per_connection))
}

/// Starts an API process `count` times, with Redis ready. Returns the milliseconds from each start to the first 200.
pub(crate) fn starts(system: &System, count: usize) -> Result<Vec<f64>> {
    let start = || {
        let start = Instant::now();
        let api = Cores::pinned(system.cores.server, || Ok(system.spawn_api(&[], &[])))?;
        system.target("wrpi-api", api.port(), Vec::new()).wait_until_correct()?;
        Ok(start.elapsed().as_secs_f64() * 1e3)
    };
    (0..count).map(|_| start()).collect()
}

/// The number of commands per minute that one idle API process with default settings sends to Redis.
pub(crate) fn idle_commands(system: &System) -> Result<f64> {
    let api = Api::follow(&system.redis, &[]);
    api.becomes_ready();
    let commands = || system.redis_statistic("total_commands_processed");
    let before = commands()?;
    sleep(IDLE);
    // The difference includes one of the two INFO commands.
    Ok((commands()? - before - 1.0) * 60.0 / IDLE.as_secs_f64())
}

/// Runs the updater `count` times. Returns the wall-clock time and the CPU time of each run, in milliseconds.
pub(crate) fn updater_runs(system: &System, count: usize) -> Result<Vec<(f64, f64)>> {
    let children_cpu = || -> Result<Duration> {
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
        let microseconds = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
        Ok(Duration::from_micros(microseconds.try_into()?))
    };
    let run = || {
        let mut updater = Command::new(binary("updater"));
        updater.envs(system.redis.environment()).env("RUST_LOG", "warn");
        let (cpu_before, start) = (children_cpu()?, Instant::now());
        let status = Cores::pinned(system.cores.server, || Ok(updater.status()?))?;
        let (wall, cpu) = (start.elapsed(), children_cpu()? - cpu_before);
        ensure!(status.success(), "the updater ended with {status}");
        Ok((wall.as_secs_f64() * 1e3, cpu.as_secs_f64() * 1e3))
    };
    let runs = (0..count).map(|_| run()).collect();
    system.write_first();
    runs
}
