//! What Redis must be able to do, and what is lost if it cannot: docs/redis.md names these tests.

use wrpi_test::{Redis, Reply, Scripted, random_password};

use crate::support::{has_reading, healthcheck, refusal, start, start_patient};

const NOT_ATOMIC: &str = "Redis refuses both keys in one command; using one command per key, which is not atomic";

#[test]
fn writes_key_by_key_to_a_cluster_of_one_shard_and_logs_its_limit_once() {
    let redis = Redis::start_cluster(&[]);
    let mut updater = start(&redis, &[("UPDATE_INTERVAL", "100ms"), ("UPDATE_DEADLINE", "20s")]);
    for _ in 0..3 {
        let seen = updater.output().len();
        updater.logged_after(seen, "reading stored");
    }
    assert!(has_reading(&redis));
    assert_eq!(updater.count_logged(NOT_ATOMIC), 1);
}

#[test]
fn refuses_a_cluster_of_several_shards_with_advice() {
    let slot = Redis::start_cluster(&[]).cli(&["CLUSTER", "KEYSLOT", "wrpi-timestamp"]);
    let error = refusal(&Redis::start_cluster(&[&slot]), &[]);
    assert!(error.contains("this Redis is in cluster mode: use a cluster of one shard"), "{error}");
}

#[test]
fn refuses_a_database_other_than_0_of_a_cluster_with_advice() {
    let error = refusal(&Redis::start_cluster(&[]), &[("REDIS_DB", "1")]);
    assert!(error.ends_with("SELECT is not allowed in cluster mode; set REDIS_DB to 0"), "{error}");
}

#[test]
fn loses_what_is_documented_for_each_forbidden_command() {
    let (redis, password) = (Redis::start(), random_password());
    let rule = format!(">{password}");
    let login = [("REDIS_USER", "updater"), ("REDIS_PASS", password.as_str())];
    let set_rules = |rules: &[&str]| {
        redis.cli(&["FLUSHALL"]);
        redis.cli(&[&["ACL", "SETUSER", "updater", "reset", "on", &rule], rules].concat());
    };
    for (command, is_atomic) in [("+mset", true), ("+set", false)] {
        set_rules(&["%W~wrpi-latest", "%W~wrpi-timestamp", command]);
        let mut updater = start_patient(&redis, &login);
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
fn needs_ping_for_the_health_check() {
    let (redis, password) = (Redis::start(), random_password());
    for (command, code) in [("+ping", 0), ("+mset", 1)] {
        redis.cli(&["ACL", "SETUSER", "updater", "reset", "on", &format!(">{password}"), command]);
        let login = [("REDIS_USER", "updater"), ("REDIS_PASS", &*password)];
        let (status, log) = healthcheck(&redis, &login);
        assert_eq!(status, Some(code), "{command} {log}");
    }
}

#[test]
fn fails_to_write_to_a_replica() {
    let redis = Redis::start();
    let replica = Redis::start_with(&["--replicaof", "127.0.0.1", &redis.port().to_string()]);
    let error = refusal(&replica, &[]);
    assert!(error.contains("read only replica"), "{error}");
}

#[test]
fn stores_no_half_reading_while_redis_refuses_writes() {
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
