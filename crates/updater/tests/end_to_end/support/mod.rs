//! The updater's binary, and what it stores.

use std::process::{Command, Output};

use wrpi_test::{Redis, Service};

/// The binary.
pub(crate) const UPDATER: &str = env!("CARGO_BIN_EXE_updater");

/// Starts the updater with the variables of `redis` and `more`.
pub(crate) fn start(redis: &Redis, more: &[(&str, &str)]) -> Service {
    let mut environment = redis.environment();
    environment.extend(more.iter().map(|&(name, value)| (name, value.to_owned())));
    Service::spawn(UPDATER, environment)
}

/// Runs the updater with the variables of `redis` and `more`: its exit code and output.
pub(crate) fn run(redis: &Redis, more: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut updater = start(redis, more);
    let status = updater.wait();
    (status.code(), updater.output().join("\n"))
}

/// Runs the updater with `environment` alone: its exit code and output.
pub(crate) fn run_with(environment: &[(&str, &str)]) -> (Option<i32>, Vec<String>) {
    let mut updater = Service::spawn(UPDATER, environment.iter().copied());
    let status = updater.wait();
    (status.code(), updater.output())
}

/// Runs the health check with the variables of `redis` and `more`: its exit code and log.
pub(crate) fn healthcheck(redis: &Redis, more: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = Command::new(UPDATER);
    command.arg("healthcheck").env_clear().envs(redis.environment()).envs(more.iter().copied());
    let Output { status, stderr, .. } = command.output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

/// Starts a run with further variables, and time enough on any machine.
pub(crate) fn start_patient(redis: &Redis, more: &[(&str, &str)]) -> Service {
    start(redis, &[&[("UPDATE_DEADLINE", "60s")], more].concat())
}

/// The error of the first attempt of such a run.
pub(crate) fn refusal(redis: &Redis, more: &[(&str, &str)]) -> String {
    let entry = start_patient(redis, more).logged("could not store a reading, retrying");
    entry["error"].as_str().unwrap().to_owned()
}

/// Both keys, read in one command.
pub(crate) fn stored(redis: &Redis) -> (String, String) {
    let both = redis.cli(&["MGET", "wrpi-latest", "wrpi-timestamp"]);
    let (value, timestamp) = both.split_once('\n').unwrap();
    (value.to_owned(), timestamp.to_owned())
}

/// Whether both keys exist; they may be in a cluster, where one command reads one key.
pub(crate) fn has_reading(redis: &Redis) -> bool {
    ["wrpi-latest", "wrpi-timestamp"].iter().all(|key| !redis.cli(&["GET", key]).is_empty())
}

/// The time of the server's clock.
pub(crate) fn unix_seconds(redis: &Redis) -> i64 {
    redis.cli(&["TIME"]).lines().next().unwrap().parse().unwrap()
}
