//! One run: connect, calculate, write, exit.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use wrpi_test::{Redis, Reply, Scripted, eventually, random_password};

use crate::support::{run, start, start_patient, stored, unix_seconds};

#[test]
fn stores_a_value_with_three_decimals_and_the_time() {
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
fn never_shows_one_new_key_without_the_other() {
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
        // On a busy machine too, the reader reads before, between and after the writes.
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
fn waits_for_redis_until_the_deadline() {
    let mut redis = Redis::start();
    redis.kill();
    let mut updater = start_patient(&redis, &[]);
    updater.logged("could not store a reading, retrying");
    redis.restart();
    assert_eq!(updater.wait().code(), Some(0));
    assert_ne!(stored(&redis).0, "");
}

#[test]
fn retries_until_the_deadline_however_often_it_fails() {
    let (redis, failures) = (Redis::start(), AtomicUsize::new(0));
    let script = Scripted::start(redis.port(), move |given| {
        let is_refused = given[0] == "MSET" && failures.fetch_add(1, Ordering::Relaxed) < 6;
        if is_refused { Reply::Line("-LOADING Redis is loading the dataset in memory".to_owned()) } else { Reply::Real }
    });
    let mut updater = start_patient(&redis, &[("REDIS_PORT", &script.port().to_string())]);
    assert_eq!(updater.wait().code(), Some(0), "{:#?}", updater.output());
}

#[test]
fn reports_the_cause_and_the_address_in_one_line_after_the_deadline() {
    let password = random_password();
    let mut redis = Redis::start();
    redis.cli(&["CONFIG", "SET", "requirepass", &random_password()]);
    let deadline = ("UPDATE_DEADLINE", "2s");
    let address = format!("Redis at 127.0.0.1:{}/0: ", redis.port());
    let last_line = |output: &str| output.lines().last().unwrap().to_owned();

    let (code, output) = run(&redis, &[deadline, ("REDIS_PASS", &password)]);
    assert_eq!(code, Some(1));
    assert!(last_line(&output).contains(&address), "{output}");
    assert!(last_line(&output).to_lowercase().contains("password"), "{output}");
    assert!(!output.contains(&password));

    redis.pause();
    for (deadline, cause) in [("2s", "timed out"), ("500ms", "no answer")] {
        let (code, output) = run(&redis, &[("UPDATE_DEADLINE", deadline)]);
        assert_eq!(code, Some(1));
        assert!(last_line(&output).contains(&format!("{address}{cause}")), "{output}");
    }
    redis.resume();

    redis.kill();
    let (code, output) = run(&redis, &[deadline]);
    assert_eq!(code, Some(1));
    assert!(last_line(&output).contains(&address) && output.contains("refused"), "{output}");
    assert!(last_line(&output).contains("no reading stored within 2s"), "{output}");
    assert_eq!(last_line(&output).matches("refused").count(), 1, "twice: {output}");
}

#[test]
fn fails_at_once_on_sigterm() {
    let redis = Redis::start();
    redis.pause();
    let mut updater = start(&redis, &[]);
    // Before the updater handles the signal, the default action ends it too.
    updater.terminate();
    assert!(!updater.wait().success());
}
