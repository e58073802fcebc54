//! One run: connect, calculate, write, exit.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use wrpi_test::{Redis, Service, eventually, random_password};

use crate::UPDATER;

/// Runs the updater with the variables of `redis` and `more`; gives its exit code and output.
fn run(redis: &Redis, more: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut environment = redis.environment();
    environment.extend(more.iter().map(|&(name, value)| (name, value.to_owned())));
    let mut updater = Service::spawn(UPDATER, environment);
    let status = updater.wait();
    (status.code(), updater.output().join("\n"))
}

/// Both keys, in one command.
fn stored(redis: &Redis) -> (String, String) {
    let both = redis.cli(&["MGET", "wrpi-latest", "wrpi-timestamp"]);
    let (value, timestamp) = both.split_once('\n').unwrap();
    (value.to_owned(), timestamp.to_owned())
}

/// What time it is for Redis.
fn unix_seconds(redis: &Redis) -> i64 {
    redis.cli(&["TIME"]).lines().next().unwrap().parse().unwrap()
}

#[test]
fn a_run_stores_a_value_of_three_decimals_and_the_time() {
    let redis = Redis::start();
    let values: HashSet<String> = (0..5)
        .map(|_| {
            let before = unix_seconds(&redis);
            assert_eq!(run(&redis, &[]).0, Some(0));
            let (value, timestamp) = stored(&redis);
            let (whole, decimals) = value.split_once('.').unwrap();
            assert!(whole.parse::<u32>().unwrap() <= 100 && decimals.len() == 3, "{value}");
            assert!(timestamp.len() == 24 && timestamp.ends_with("+0000"), "{timestamp}");
            let seconds = timestamp.parse::<wrpi_core::Timestamp>().unwrap().unix_seconds();
            let now = before..=unix_seconds(&redis);
            assert!(now.contains(&seconds), "{timestamp} is not in {now:?}");
            value
        })
        .collect();
    assert!(values.len() > 1, "always {values:?}");
}

#[test]
fn no_reader_ever_sees_the_one_key_without_the_other() {
    let redis = Redis::start();
    let (is_over, looks) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut pairs = HashSet::new();
            while !is_over.load(Ordering::Relaxed) {
                pairs.insert(stored(&redis));
                looks.fetch_add(1, Ordering::Relaxed);
            }
            pairs
        });
        let mut written = HashSet::from([(String::new(), String::new())]);
        // However busy the machine is, the reader has its turn before, between and after the writes.
        let is_read = || {
            let before = looks.load(Ordering::Relaxed);
            eventually(|| looks.load(Ordering::Relaxed), |now| *now > before);
        };
        is_read();
        for _ in 0..40 {
            assert_eq!(run(&redis, &[]).0, Some(0));
            written.insert(stored(&redis));
            is_read();
        }
        is_over.store(true, Ordering::Relaxed);
        let seen = reader.join().unwrap();
        assert!(seen.len() > 2, "the reader saw {seen:?}");
        assert!(seen.is_subset(&written), "torn: {:?}", seen.difference(&written));
    });
    let stats = redis.cli(&["INFO", "commandstats"]);
    assert!(stats.contains("cmdstat_mset:calls=40,") && !stats.contains("cmdstat_set:"), "{stats}");
}

#[test]
fn a_run_waits_for_redis_until_its_deadline() {
    let mut redis = Redis::start();
    redis.kill();
    let mut environment = redis.environment();
    environment.push(("UPDATE_DEADLINE", "60s".into()));
    let mut updater = Service::spawn(UPDATER, environment);
    updater.logged("could not store a reading, retrying");
    redis.restart();
    assert_eq!(updater.wait().code(), Some(0));
    assert_ne!(stored(&redis).0, "");
}

#[test]
fn after_the_deadline_one_line_says_what_failed_and_where() {
    let password = random_password();
    let mut redis = Redis::start();
    redis.cli(&["CONFIG", "SET", "requirepass", &random_password()]);
    let deadline = ("UPDATE_DEADLINE", "2s");
    let where_it_is = format!("Redis at 127.0.0.1:{}/0: ", redis.port());
    let last_line = |output: &str| output.lines().last().unwrap().to_owned();

    let (code, output) = run(&redis, &[deadline, ("REDIS_PASS", &password)]);
    assert_eq!(code, Some(1));
    assert!(last_line(&output).contains(&where_it_is), "{output}");
    assert!(last_line(&output).to_lowercase().contains("password"), "{output}");
    assert!(!output.contains(&password));

    redis.pause();
    let (code, output) = run(&redis, &[deadline]);
    assert_eq!(code, Some(1));
    assert!(last_line(&output).contains(where_it_is.trim_end()), "{output}");
    redis.resume();

    redis.kill();
    let (code, output) = run(&redis, &[deadline]);
    assert_eq!(code, Some(1));
    assert!(last_line(&output).contains(&where_it_is) && output.contains("refused"), "{output}");
    assert!(last_line(&output).contains("no reading stored within 2s"), "{output}");
    assert_eq!(last_line(&output).matches("refused").count(), 1, "said twice: {output}");
}

#[test]
fn a_run_that_is_told_to_stop_ends_at_once_without_success() {
    let redis = Redis::start();
    redis.pause();
    let mut updater = Service::spawn(UPDATER, redis.environment());
    // Only then does it listen for the signal; before, the signal's default action ends it all the same.
    updater.terminate();
    assert!(!updater.wait().success());
}
