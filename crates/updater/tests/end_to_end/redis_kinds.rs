//! What a Redis must be able to do, and what is lost where it cannot: docs/redis.md names these tests.

use wrpi_test::{Redis, Reply, Scripted, Service, random_password};

use crate::UPDATER;

const NOT_ATOMIC: &str = "Redis refuses both keys in one command; using one command for each, which is not atomic";

/// Runs the updater once; gives its exit code and output.
fn run(redis: &Redis, more: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut environment = redis.environment();
    environment.push(("UPDATE_DEADLINE", "300ms".into()));
    environment.extend(more.iter().map(|&(name, value)| (name, value.to_owned())));
    let mut updater = Service::spawn(UPDATER, environment);
    (updater.wait().code(), updater.output().join("\n"))
}

/// Whether both keys are there.
fn has_reading(redis: &Redis) -> bool {
    ["wrpi-latest", "wrpi-timestamp"].iter().all(|key| !redis.cli(&["GET", key]).is_empty())
}

#[test]
fn a_cluster_of_one_shard_is_written_key_by_key_and_its_limit_is_told_once() {
    let redis = Redis::start_cluster(&[]);
    let mut environment = redis.environment();
    environment.extend([("UPDATE_INTERVAL", "50ms".into()), ("UPDATE_DEADLINE", "20s".into())]);
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
    let (code, output) = run(&Redis::start_cluster(&[&slot]), &[]);
    assert_eq!(code, Some(1));
    assert!(output.contains("this Redis is in cluster mode: use a cluster of one shard"), "{output}");
}

#[test]
fn a_database_other_than_0_of_a_cluster_is_refused_with_what_to_do() {
    let (code, output) = run(&Redis::start_cluster(&[]), &[("REDIS_DB", "1")]);
    assert_eq!(code, Some(1));
    assert!(output.contains("SELECT is not allowed in cluster mode; set REDIS_DB to 0"), "{output}");
}

#[test]
fn each_command_that_an_acl_forbids_costs_what_is_documented() {
    let (redis, password) = (Redis::start(), random_password());
    let rule = format!(">{password}");
    let login = [("REDIS_USER", "updater"), ("REDIS_PASS", password.as_str()), ("UPDATE_DEADLINE", "10s")];
    for (rules, is_stored, is_atomic) in [
        (&["%W~wrpi-latest", "%W~wrpi-timestamp", "+mset"][..], true, true),
        (&["%W~wrpi-latest", "%W~wrpi-timestamp", "+set"], true, false),
        (&["%W~wrpi-latest", "%W~wrpi-timestamp", "+get"], false, true),
        (&["%W~wrpi-latest", "+mset", "+set"], false, true),
    ] {
        redis.cli(&["FLUSHALL"]);
        redis.cli(&[&["ACL", "SETUSER", "updater", "reset", "on", &rule], rules].concat());
        let mut variables = login;
        if !is_stored {
            variables[2].1 = "300ms";
        }
        let (code, output) = run(&redis, &variables);
        assert_eq!((code == Some(0), has_reading(&redis)), (is_stored, is_stored), "{rules:?} {output}");
        assert_eq!(output.contains(NOT_ATOMIC), !is_atomic, "{rules:?} {output}");
        assert!(is_stored || output.contains("permissions"), "{output}");
        assert!(is_stored || redis.cli(&["DBSIZE"]) == "0", "half a reading is stored: {rules:?}");
    }
}

#[test]
fn a_redis_that_takes_no_write_now_gets_no_half_of_a_reading() {
    let redis = Redis::start();
    for refusal in [
        "-OOM command not allowed when used memory > 'maxmemory'.",
        "-MISCONF Commands that may modify the data set are disabled",
        "-READONLY You can't write against a read only replica.",
        "-LOADING Redis is loading the dataset in memory",
    ] {
        let script = Scripted::start(redis.port(), |given| {
            if given[0] == "MSET" { Reply::Line(refusal.to_owned()) } else { Reply::Real }
        });
        let (code, output) = run(&redis, &[("REDIS_PORT", &script.port().to_string())]);
        let (_, words) = refusal.split_once(' ').unwrap();
        assert!(code == Some(1) && output.contains(words), "{output}");
        assert_eq!(redis.cli(&["DBSIZE"]), "0");
    }
}
