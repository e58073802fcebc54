//! With `UPDATE_INTERVAL` the updater keeps running.

use wrpi_test::{Redis, eventually, terminate_at_settings};

use crate::support::{UPDATER, start};

/// A short interval, and a deadline within which a running Redis answers on any machine.
const OFTEN: [(&str, &str); 2] = [("UPDATE_INTERVAL", "100ms"), ("UPDATE_DEADLINE", "2s")];

#[test]
fn stores_one_reading_after_another_until_sigterm() {
    let redis = Redis::start();
    let mut updater = start(&redis, &OFTEN);
    let first = eventually(|| redis.cli(&["GET", "wrpi-latest"]), |value| !value.is_empty());
    eventually(|| redis.cli(&["GET", "wrpi-latest"]), |value| *value != first);
    updater.terminate();
    assert_eq!(updater.wait().code(), Some(0));
}

#[test]
fn logs_a_failure_and_calculates_the_next_reading() {
    let mut redis = Redis::start();
    let mut updater = start(&redis, &OFTEN);
    updater.logged("reading stored");
    redis.kill();
    let seen = updater.output().len();
    updater.logged_after(seen, "no reading stored");
    redis.restart();
    eventually(|| redis.cli(&["GET", "wrpi-latest"]), |value| !value.is_empty());
    assert!(updater.is_running());
}

#[test]
fn stops_on_sigterm_while_redis_hangs() {
    let redis = Redis::start();
    let mut updater = start(&redis, &[("UPDATE_INTERVAL", "60m")]);
    updater.logged("reading stored");
    redis.pause();
    updater.terminate();
    assert_eq!(updater.wait().code(), Some(0));
}

#[test]
fn handles_signals_before_it_reads_the_settings() {
    let variables = [("REDIS_PORT", "1"), ("UPDATE_INTERVAL", "60m")];
    assert_eq!(terminate_at_settings(UPDATER, "REDIS_PASS_FILE", &variables), Some(0));
}
