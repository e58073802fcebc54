//! What a request costs at full load: `wrk` on its own core against one server after the other, round by round, so
//! that whatever else the machine does meets all alike.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::machine::Cores;
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

/// All rounds of all targets.
#[derive(Debug)]
pub(crate) struct Saturation(Vec<(&'static str, Vec<Round>)>);

impl Saturation {
    /// Runs `rounds` of `seconds` each, after one that warms up.
    pub(crate) fn measure(system: &System, peers: &Peers, rounds: usize, seconds: u64) -> Result<Self> {
        let mut found: Vec<_> = peers.all.iter().map(|target| (target.name, Vec::new())).collect();
        for target in &peers.all {
            run(target, system.cores, 1)?;
        }
        for _ in 0..rounds {
            for (target, (_, rounds)) in peers.all.iter().zip(&mut found) {
                rounds.push(run(target, system.cores, seconds)?);
            }
        }
        Ok(Self(found))
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
        self.0.iter().filter(move |(known, _)| *known == name).flat_map(|(_, rounds)| rounds)
    }
}

/// Loads `target`; an error if any answer was not what it must be.
fn run(target: &Target, cores: Cores, seconds: u64) -> Result<Round> {
    target.check()?;
    let before = target.cpu_time()?;
    let mut wrk = Command::new("wrk");
    wrk.args(["-t1", "-c64", &format!("-d{seconds}")]);
    for (name, value) in &target.headers {
        wrk.args(["-H", &format!("{name}: {value}")]);
    }
    wrk.arg(format!("http://{}{}", target.address(), target.path));
    let output = Cores::pinned(cores.load, || wrk.output().context("wrk"))?;
    let used = target.cpu_time()? - before;
    target.check()?;

    let printed = String::from_utf8_lossy(&output.stdout);
    let Some((requests, requests_per_second)) = clean(&printed) else {
        bail!("a run with errors counts for nothing; {}: {printed}", target.name)
    };
    Ok(Round { cpu_per_request: used.as_secs_f64() * 1e6 / requests, requests_per_second })
}

/// The answers, and how many a second, of a run in which nothing went wrong: `wrk` tells a status below 400 from others.
fn clean(printed: &str) -> Option<(f64, f64)> {
    let number = |part: &str| {
        let line = printed.lines().find(|line| line.contains(part))?;
        line.split_whitespace().find_map(|word| word.parse::<f64>().ok())
    };
    let (requests, rate) = (number(" requests in ")?, number("Requests/sec:")?);
    let has_errors = ["Socket errors:", "Non-2xx or 3xx responses:"].iter().any(|errors| printed.contains(errors));
    (requests > 0.0 && !has_errors).then_some((requests, rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_with_an_error_is_not_clean() {
        let all = "  1200 requests in 1.00s, 300.00KB read\nRequests/sec:   1199.50\nTransfer/sec: 299.90KB\n";
        assert_eq!(clean(all), Some((1200.0, 1199.5)));
        for printed in [
            format!("{all}  Non-2xx or 3xx responses: 1\n"),
            format!("{all}  Socket errors: connect 0, read 0, write 0, timeout 1\n"),
            all.replace("1200", "0"),
            "unable to connect to 127.0.0.1:1 Connection refused".to_owned(),
        ] {
            assert_eq!(clean(&printed), None, "{printed}");
        }
    }
}
