//! Redis in cluster mode: one shard works, with less; more than one is refused in words that say what to do.

use wrpi_test::{Redis, Reply, Scripted, eventually};

use crate::api::{Api, BODY, TIMESTAMP, VALUE};

const NO_HEARTBEAT: (&str, &str) = ("REDIS_HEARTBEAT", "60m");
const NOT_ATOMIC: &str = "Redis refuses both keys in one command; using one command per key, which is not atomic";
const LOST: &str = "store lost, retrying";

/// Writes both keys as the Python updater does, which is how a cluster takes them.
fn write(redis: &Redis, value: &str, calculated_at: &str) {
    redis.cli(&["SET", "wrpi-latest", value]);
    redis.cli(&["SET", "wrpi-timestamp", calculated_at]);
}

#[test]
fn a_cluster_of_one_shard_is_followed_by_pushes_and_its_limit_is_told_once() {
    let redis = Redis::start_cluster(&[]);
    write(&redis, VALUE, TIMESTAMP);
    let mut api = Api::follow(&redis, &[NO_HEARTBEAT]);
    api.serves(BODY);
    api.service.logged("store connected, changes are pushed");
    for n in 1..10 {
        let value = format!("{n}.000");
        write(&redis, &value, &format!("2021-02-20T18:07:0{n}"));
        api.serves(&format!(r#"{{"latest_value":{value},"latest_calculation_at":"2021-02-20T18:07:0{n}+0000"}}"#));
    }
    redis.cli(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    eventually(|| api.metric("wrpi_store_reconnects_total"), |count| count != "0");
    write(&redis, "10.000", TIMESTAMP);
    api.serves_value("10.000");
    let entry = api.service.logged(NOT_ATOMIC);
    assert!(entry["error"].as_str().unwrap().to_uppercase().contains("CROSSSLOT"), "{entry}");
    assert_eq!(api.service.count_logged(NOT_ATOMIC), 1);
}

#[test]
fn what_is_no_reading_is_told_of_a_cluster_as_of_any_redis() {
    let redis = Redis::start_cluster(&[]);
    let mut api = Api::follow(&redis, &[NO_HEARTBEAT]);
    api.service.logged("no reading in this database; check that REDIS_DB matches the updater's");
    redis.cli(&["SET", "wrpi-timestamp", TIMESTAMP]);
    redis.cli(&["LPUSH", "wrpi-latest", "1"]);
    let entry = api.service.logged("reading rejected, keeping the last good one");
    assert_eq!(entry["error"], "wrpi-latest is missing or not a string, but the other key exists");
}

#[test]
fn a_cluster_of_more_shards_is_refused_with_what_to_do() {
    let second = Redis::start_cluster(&[]);
    let slot = second.cli(&["CLUSTER", "KEYSLOT", "wrpi-timestamp"]);
    let first = Redis::start_cluster(&[&slot]);
    let expected = "this Redis is in cluster mode: use a cluster of one shard that serves all slots";
    let lost = |api: &mut Api| {
        api.service.printed(|line| (line.contains(LOST) && line.contains(expected)).then_some(()));
        assert_eq!(api.get().status, 503);
    };
    // A slot that no shard serves, and then one that another shard does.
    lost(&mut Api::follow(&first, &[]));
    second.cli(&["CLUSTER", "FLUSHSLOTS"]);
    second.cli(&["CLUSTER", "ADDSLOTS", &slot]);
    second.cli(&["CLUSTER", "MEET", "127.0.0.1", &first.port().to_string()]);
    eventually(|| first.cli(&["CLUSTER", "SLOTS"]), |slots| slots.contains(&second.port().to_string()));
    let mut api = Api::follow(&first, &[]);
    lost(&mut api);
    assert!(api.service.output().join("\n").contains(&format!("{slot} 127.0.0.1:{}", second.port())));
}

#[test]
fn a_database_other_than_0_is_refused_with_what_to_do() {
    let redis = Redis::start_cluster(&[]);
    let mut api = Api::follow(&redis, &[("REDIS_DB", "1")]);
    let entry = api.service.logged(LOST);
    assert!(entry["error"].as_str().unwrap().ends_with("; set REDIS_DB to 0"), "{entry}");
}

#[test]
fn a_proxy_that_refuses_both_keys_in_its_own_words_is_read_key_by_key() {
    let redis = Redis::start();
    redis.write(VALUE, TIMESTAMP);
    for refusal in ["-ERR 'MGET' command keys must in same slot", "-ERR unknown command 'MGET'", "-CROSSSLOT no"] {
        let script = Scripted::start(redis.port(), |given| {
            if given[0] == "MGET" { Reply::Line(refusal.to_owned()) } else { Reply::Real }
        });
        let mut api = Api::follow(&redis, &[("REDIS_PORT", &script.port().to_string()), NO_HEARTBEAT]);
        api.serves(BODY);
        api.service.logged(NOT_ATOMIC);
    }
}
