//! What a Redis must be able to do, and what is lost where it cannot: docs/redis.md names these tests.

use std::process::Command;

use wrpi_test::{Redis, Reply, Scripted, Service, random_password};

use crate::UPDATER;

const NOT_ATOMIC: &str = "Redis refuses both keys in one command; using one command per key, which is not atomic";

/// Starts one run with further variables, and time enough on any machine.
fn start(redis: &Redis, more: &[(&str, &str)]) -> Service {
    let mut environment = redis.environment();
    environment.push(("UPDATE_DEADLINE", "60s".into()));
    environment.extend(more.iter().map(|&(name, value)| (name, value.to_owned())));
    Service::spawn(UPDATER, environment)
}

/// Why the first attempt of such a run fails.
fn refusal(redis: &Redis, more: &[(&str, &str)]) -> String {
    let entry = start(redis, more).logged("could not store a reading, retrying");
    entry["error"].as_str().unwrap().to_owned()
}

/// Whether both keys are there.
fn has_reading(redis: &Redis) -> bool {
    ["wrpi-latest", "wrpi-timestamp"].iter().all(|key| !redis.cli(&["GET", key]).is_empty())
}

#[test]
fn a_cluster_of_one_shard_is_written_key_by_key_and_its_limit_is_told_once() {
    let redis = Redis::start_cluster(&[]);
    let mut environment = redis.environment();
    environment.extend([("UPDATE_INTERVAL", "100ms".into()), ("UPDATE_DEADLINE", "20s".into())]);
    let mut updater = Service::spawn(UPDATER, environment);
    for _ in 0..3 {
        let seen = updater.output().len();
        updater.logged_after(seen, "reading stored");
    }
    assert!(has_reading(&redis));
    assert_eq!(updater.count_logged(NOT_ATOMIC), 1);
}

#[test]
fn a_cluster_of_more_shards_is_refused_with_what_to_do() {
    let slot = Redis::start_cluster(&[]).cli(&["CLUSTER", "KEYSLOT", "wrpi-timestamp"]);
    let error = refusal(&Redis::start_cluster(&[&slot]), &[]);
    assert!(error.contains("this Redis is in cluster mode: use a cluster of one shard"), "{error}");
}

#[test]
fn a_database_other_than_0_of_a_cluster_is_refused_with_what_to_do() {
    let error = refusal(&Redis::start_cluster(&[]), &[("REDIS_DB", "1")]);
    assert!(error.ends_with("SELECT is not allowed in cluster mode; set REDIS_DB to 0"), "{error}");
}

#[test]
fn each_command_that_an_acl_forbids_costs_what_is_documented() {
    let (redis, password) = (Redis::start(), random_password());
    let rule = format!(">{password}");
    let login = [("REDIS_USER", "updater"), ("REDIS_PASS", password.as_str())];
    let set_rules = |rules: &[&str]| {
        redis.cli(&["FLUSHALL"]);
        redis.cli(&[&["ACL", "SETUSER", "updater", "reset", "on", &rule], rules].concat());
    };
    for (command, is_atomic) in [("+mset", true), ("+set", false)] {
        set_rules(&["%W~wrpi-latest", "%W~wrpi-timestamp", command]);
        let mut updater = start(&redis, &login);
        assert_eq!((updater.wait().code(), has_reading(&redis)), (Some(0), true), "{command}");
        assert_eq!(updater.count_logged(NOT_ATOMIC), usize::from(!is_atomic), "{command}");
    }
    let both_keys = ["%W~wrpi-latest", "%W~wrpi-timestamp", "+get"];
    for rules in [&both_keys[..], &["%W~wrpi-latest", "+mset", "+set"]] {
        set_rules(rules);
        let error = refusal(&redis, &login);
        assert!(error.to_lowercase().contains("permissions"), "{error}");
        assert_eq!(redis.cli(&["DBSIZE"]), "0", "half a reading is stored: {rules:?}");
    }
}

#[test]
fn the_health_check_needs_ping() {
    let (redis, password) = (Redis::start(), random_password());
    for (command, code) in [("+ping", 0), ("+mset", 1)] {
        redis.cli(&["ACL", "SETUSER", "updater", "reset", "on", &format!(">{password}"), command]);
        let mut check = Command::new(UPDATER);
        check.arg("healthcheck").env_clear().envs(redis.environment());
        let output = check.envs([("REDIS_USER", "updater"), ("REDIS_PASS", &password)]).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{command} {output:?}");
    }
}

#[test]
fn a_replica_is_not_written() {
    let redis = Redis::start();
    let replica = Redis::start_with(&["--replicaof", "127.0.0.1", &redis.port().to_string()]);
    let error = refusal(&replica, &[]);
    assert!(error.contains("read only replica"), "{error}");
}

#[test]
fn a_redis_that_takes_no_write_now_gets_no_half_of_a_reading() {
    let redis = Redis::start();
    for refused in [
        "OOM command not allowed when used memory > 'maxmemory'.",
        "MISCONF Commands that may modify the data set are disabled",
        "READONLY You can't write against a read only replica.",
        "LOADING Redis is loading the dataset in memory",
    ] {
        let script = Scripted::start(redis.port(), move |given| {
            if given[0] == "MSET" { Reply::Line(format!("-{refused}")) } else { Reply::Real }
        });
        let error = refusal(&redis, &[("REDIS_PORT", &script.port().to_string())]);
        let (_, words) = refused.split_once(' ').unwrap();
        assert!(error.contains(words), "{error}");
        assert_eq!(redis.cli(&["DBSIZE"]), "0");
    }
}
