//! The CPU cost of a request at full load. `wrk` runs on its own core. The servers take turns in each round, so other
//! work on the machine affects all of them equally.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::machine::Cores;
use crate::peers::Peers;
use crate::statistics::median;
use crate::system::System;
use crate::target::Target;

/// The result of one round for one target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    /// CPU time in microseconds. Includes the CPU time of Redis if requests reach Redis.
    pub(crate) cpu_per_request: f64,
    pub(crate) requests_per_second: f64,
}

/// The results of all rounds, by the name of the target.
#[derive(Debug)]
pub(crate) struct Saturation(Vec<(&'static str, Vec<Round>)>);

impl Saturation {
    /// Runs `rounds` rounds of `seconds` each, after a warm-up round.
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

    /// The CPU time per request of the target `name`, for each round.
    pub(crate) fn cpu(&self, name: &str) -> Vec<f64> {
        self.rounds(name).map(|round| round.cpu_per_request).collect()
    }

    /// The CPU time per request of `name` divided by that of `other`, for each round.
    pub(crate) fn ratios(&self, name: &str, other: &str) -> Vec<f64> {
        self.cpu(name).iter().zip(self.cpu(other)).map(|(one, other)| one / other).collect()
    }

    /// The median rate of `name`, in requests per second.
    pub(crate) fn rate(&self, name: &str) -> f64 {
        median(&self.rounds(name).map(|round| round.requests_per_second).collect::<Vec<_>>())
    }

    fn rounds(&self, name: &str) -> impl Iterator<Item = &Round> {
        self.0.iter().filter(move |(known, _)| *known == name).flat_map(|(_, rounds)| rounds)
    }
}

/// Loads `target`. Fails if `wrk` reports an error, or if a response before or after the load is wrong.
fn run(target: &Target, cores: Cores, seconds: u64) -> Result<Round> {
    target.check()?;
    let before = target.cpu_time();
    let mut wrk = Command::new("wrk");
    wrk.args(["-t1", "-c64", &format!("-d{seconds}")]);
    for (name, value) in &target.headers {
        wrk.args(["-H", &format!("{name}: {value}")]);
    }
    wrk.arg(format!("http://{}{}", target.address(), target.path));
    let output = Cores::pinned(cores.load, || wrk.output().context("cannot run wrk"))?;
    let used = target.cpu_time() - before;
    target.check()?;

    let printed = String::from_utf8_lossy(&output.stdout);
    let Some((requests, requests_per_second)) = parse(&printed) else {
        bail!("{}: the run had errors, so its results are invalid: {printed}", target.name)
    };
    Ok(Round { cpu_per_request: used.as_secs_f64() * 1e6 / requests, requests_per_second })
}

/// Parses the number of responses and the rate. `None` if `wrk` reports a socket error or a status of 400 or above.
fn parse(printed: &str) -> Option<(f64, f64)> {
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
    fn a_run_with_an_error_has_no_result() {
        let all = "  1200 requests in 1.00s, 300.00KB read\nRequests/sec:   1199.50\nTransfer/sec: 299.90KB\n";
        assert_eq!(parse(all), Some((1200.0, 1199.5)));
        for printed in [
            format!("{all}  Non-2xx or 3xx responses: 1\n"),
            format!("{all}  Socket errors: connect 0, read 0, write 0, timeout 1\n"),
            all.replace("1200", "0"),
            "unable to connect to 127.0.0.1:1 Connection refused".to_owned(),
        ] {
            assert_eq!(parse(&printed), None, "{printed}");
        }
    }
}
