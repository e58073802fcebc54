//! With `UPDATE_INTERVAL` the updater keeps running.

use std::time::Duration;

use wrpi_test::{Redis, Service, eventually, terminate_at_settings};

use crate::support::{UPDATER, start};

/// A short interval. The deadline is longer than any test waits, so a run must end with its interval.
const OFTEN: [(&str, &str); 2] = [("UPDATE_INTERVAL", "200ms"), ("UPDATE_DEADLINE", "60m")];

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
fn keeps_its_connection_and_replaces_it_if_it_breaks() {
    let redis = Redis::start();
    let mut updater = start(&redis, &OFTEN);
    // id=3 addr=127.0.0.1:50000 laddr=127.0.0.1:6379 fd=8 …
    let connections = || {
        let clients = redis.cli(&["CLIENT", "LIST"]);
        let ids = clients.lines().filter(|client| client.contains(" cmd=mset "));
        ids.map(|client| client.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let stores_again = |updater: &mut Service| {
        let seen = updater.output().len();
        updater.logged_after(seen, "reading stored");
        updater.logged_after(seen + 1, "reading stored");
    };
    stores_again(&mut updater);
    let first = connections();
    stores_again(&mut updater);
    assert_eq!((connections(), first.len()), (first.clone(), 1));
    redis.cli(&["CLIENT", "KILL", "TYPE", "normal"]);
    stores_again(&mut updater);
    assert_ne!(connections(), first);
    assert_eq!(updater.count_logged("could not store a reading, retrying"), 0, "{:#?}", updater.output());
}

#[test]
fn does_not_catch_up_on_missed_readings() {
    let redis = Redis::start();
    let mut updater = start(&redis, &OFTEN);
    updater.logged("reading stored");
    updater.pause();
    // Longer than 20 intervals.
    std::thread::sleep(Duration::from_secs(5));
    let seen = updater.output().len();
    updater.resume();
    let times = || {
        let output = updater.output();
        let stored = output[seen..].iter().filter(|line| line.contains("reading stored"));
        stored.map(|line| logged_at(line)).collect::<Vec<_>>()
    };
    let times = eventually(times, |times| times.len() >= 12);
    // Each delay of a busy machine may shorten the gap that follows it, but a burst has only short ones.
    let short = times.windows(2).filter(|pair| pair[1] - pair[0] < 0.1).count();
    assert!(short < 8, "{short} short gaps: {times:?}");
}

/// The seconds of the hour at which a line was logged: {"timestamp":"2026-11-27T15:12:56.000000Z",…
fn logged_at(line: &str) -> f64 {
    let (_, time) = line.split_once("\"timestamp\":\"").unwrap();
    let number = |range: std::ops::Range<usize>| time[range].parse::<f64>().unwrap();
    number(14..16) * 60.0 + number(17..26)
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
