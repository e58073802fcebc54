//! What a request costs at full load: `wrk` on its own core against one server after the other, round by round, so
//! that whatever else the machine does meets all alike.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use wrpi_test::Redis;

use crate::machine::{Cores, cpu_time};
use crate::peers::Peers;
use crate::statistics::median;
use crate::system::System;
use crate::target::Target;

/// One round of one target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    /// Microseconds of CPU time, Redis's too where requests reach it.
    pub(crate) cpu_per_request: f64,
    pub(crate) requests_per_second: f64,
}

/// All rounds of all targets, and what the API's requests made Redis do.
#[derive(Debug)]
pub(crate) struct Saturation {
    targets: Vec<(&'static str, Vec<Round>)>,
    pub(crate) redis_commands: u64,
}

impl Saturation {
    /// Runs `rounds` of `seconds` each, after one that warms up.
    pub(crate) fn measure(system: &System, peers: &Peers, rounds: usize, seconds: u64) -> Result<Self> {
        let mut found =
            Self { targets: peers.all().map(|target| (target.name, Vec::new())).collect(), redis_commands: 0 };
        for target in peers.all() {
            run(target, system.cores, 1)?;
        }
        for _ in 0..rounds {
            for (target, (_, rounds)) in peers.all().zip(&mut found.targets) {
                // An API asks at all times whether Redis is alive.
                let before = commands(&system.redis, &["ping"])?;
                rounds.push(run(target, system.cores, seconds)?);
                if peers.api.iter().any(|api| api.name == target.name) {
                    found.redis_commands += commands(&system.redis, &["ping"])? - before;
                }
            }
        }
        Ok(found)
    }

    /// The names of the targets, in the order in which they ran.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.targets.iter().map(|(name, _)| *name)
    }

    /// The CPU time of a request to `name`, round by round.
    pub(crate) fn cpu(&self, name: &str) -> Vec<f64> {
        self.rounds(name).map(|round| round.cpu_per_request).collect()
    }

    /// What a request to `name` costs as a part of one to `other`, round by round.
    pub(crate) fn ratios(&self, name: &str, other: &str) -> Vec<f64> {
        self.cpu(name).iter().zip(self.cpu(other)).map(|(one, other)| one / other).collect()
    }

    /// The median rate of `name`.
    pub(crate) fn rate(&self, name: &str) -> f64 {
        median(&self.rounds(name).map(|round| round.requests_per_second).collect::<Vec<_>>())
    }

    fn rounds(&self, name: &str) -> impl Iterator<Item = &Round> {
        self.targets.iter().filter(move |(known, _)| *known == name).flat_map(|(_, rounds)| rounds)
    }
}

/// Loads `target`; an error if any answer was not what it must be.
fn run(target: &Target, cores: Cores, seconds: u64) -> Result<Round> {
    target.check()?;
    let before = cpu(target)?;
    let mut wrk = Command::new("wrk");
    wrk.args(["-t1", "-c64", &format!("-d{seconds}")]);
    for (name, value) in &target.headers {
        wrk.args(["-H", &format!("{name}: {value}")]);
    }
    wrk.arg(format!("http://{}{}", target.address(), target.path));
    let output = Cores::pinned(cores.load, || wrk.output().context("wrk"))?;
    let used = cpu(target)? - before;
    target.check()?;

    let printed = String::from_utf8_lossy(&output.stdout);
    let Some((requests, requests_per_second)) = clean(&printed, target.status) else {
        bail!("a run with errors counts for nothing; {}: {printed}", target.name)
    };
    Ok(Round { cpu_per_request: used.as_secs_f64() * 1e6 / requests, requests_per_second })
}

/// The answers, and how many a second, of a run in which nothing went wrong and every answer had a `status`: `wrk`
/// tells those below 400 from the others.
fn clean(printed: &str, status: u16) -> Option<(f64, f64)> {
    let number = |part: &str| {
        let line = printed.lines().find(|line| line.contains(part))?;
        line.split_whitespace().find_map(|word| word.parse::<f64>().ok())
    };
    let (requests, rate) = (number(" requests in ")?, number("Requests/sec:")?);
    let expected = if status < 400 { 0.0 } else { requests };
    let is_clean = requests > 0.0
        && !printed.contains("Socket errors:")
        && number("Non-2xx or 3xx responses:").unwrap_or(0.0) == expected;
    is_clean.then_some((requests, rate))
}

fn cpu(target: &Target) -> Result<Duration> {
    target.processes.iter().map(|process| cpu_time(*process)).sum()
}

/// The commands that Redis has run, but for `ignored` ones and the one that asks.
pub(crate) fn commands(redis: &Redis, ignored: &[&str]) -> Result<u64> {
    let counts = redis.cli(&["INFO", "commandstats"]);
    let lines = counts.lines().filter_map(|line| line.strip_prefix("cmdstat_")?.split_once(":calls="));
    let others = lines.filter(|(name, _)| *name != "info" && !ignored.contains(name));
    let calls = others.filter_map(|(_, counts)| counts.split(',').next()).map(str::parse::<u64>);
    Ok(calls.sum::<Result<u64, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_with_an_error_or_another_status_is_not_clean() {
        let all = "  1200 requests in 1.00s, 300.00KB read\nRequests/sec:   1199.50\nTransfer/sec: 299.90KB\n";
        let refused = |count| format!("{all}  Non-2xx or 3xx responses: {count}\n");
        for (printed, status, is_clean) in [
            (all.to_owned(), 200, true),
            (all.to_owned(), 304, true),
            (all.to_owned(), 401, false),
            (refused(1), 200, false),
            (refused(1199), 401, false),
            (refused(1200), 401, true),
            (format!("{all}  Socket errors: connect 0, read 0, write 0, timeout 1\n"), 200, false),
            (all.replace("1200", "0"), 200, false),
            ("unable to connect to 127.0.0.1:1 Connection refused".to_owned(), 200, false),
        ] {
            assert_eq!(clean(&printed, status), is_clean.then_some((1200.0, 1199.5)), "{status}: {printed}");
        }
    }
}
