//! With `UPDATE_INTERVAL` the updater keeps running.

use wrpi_test::{Redis, Service, eventually};

use crate::UPDATER;

fn start(redis: &Redis) -> Service {
    let mut environment = redis.environment();
    environment.extend([("UPDATE_INTERVAL", "100ms".into()), ("UPDATE_DEADLINE", "2s".into())]);
    Service::spawn(UPDATER, environment)
}

#[test]
fn readings_come_one_by_one_until_sigterm() {
    let redis = Redis::start();
    let mut updater = start(&redis);
    let first = eventually(|| redis.cli(&["GET", "wrpi-latest"]), |value| !value.is_empty());
    eventually(|| redis.cli(&["GET", "wrpi-latest"]), |value| *value != first);
    updater.terminate();
    assert_eq!(updater.wait().code(), Some(0));
}

#[test]
fn a_failure_is_logged_and_the_next_calculation_comes() {
    let mut redis = Redis::start();
    let mut updater = start(&redis);
    updater.logged("reading stored");
    redis.kill();
    let seen = updater.output().len();
    updater.logged_after(seen, "no reading stored");
    redis.restart();
    eventually(|| redis.cli(&["GET", "wrpi-latest"]), |value| !value.is_empty());
    assert!(updater.is_running());
}

#[test]
fn sigterm_does_not_wait_for_a_redis_that_hangs() {
    let redis = Redis::start();
    let mut environment = redis.environment();
    environment.push(("UPDATE_INTERVAL", "60m".into()));
    let mut updater = Service::spawn(UPDATER, environment);
    updater.logged("reading stored");
    redis.pause();
    updater.terminate();
    assert_eq!(updater.wait().code(), Some(0));
}
