//! Redis in cluster mode: the API works with one shard, within limits, and refuses several with advice.

use wrpi_test::{Api, BODY, Redis, Reply, Scripted, TIMESTAMP, VALUE, eventually};

use crate::support::feed::{LOST, NO_HEARTBEAT, NO_READING, PUSHED, REJECTED, write_one_by_one};

const NOT_ATOMIC: &str = "Redis refuses both keys in one command; using one command per key, which is not atomic";

#[test]
fn follows_a_cluster_of_one_shard_by_pushes_and_logs_its_limit_once() {
    let redis = Redis::start_cluster(&[]);
    write_one_by_one(&redis, VALUE, TIMESTAMP);
    let mut api = Api::follow(&redis, &[NO_HEARTBEAT]);
    api.serves(BODY);
    api.service.logged(PUSHED);
    for n in 1..10 {
        let value = format!("{n}.000");
        write_one_by_one(&redis, &value, &format!("2021-02-20T18:07:0{n}"));
        api.serves(&format!(r#"{{"latest_value":{value},"latest_calculation_at":"2021-02-20T18:07:0{n}+0000"}}"#));
    }
    redis.cli(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    eventually(|| api.metric("wrpi_store_reconnects_total"), |count| count != "0");
    write_one_by_one(&redis, "10.000", TIMESTAMP);
    api.serves_value("10.000");
    let entry = api.service.logged(NOT_ATOMIC);
    assert!(entry["error"].as_str().unwrap().to_uppercase().contains("CROSSSLOT"), "{entry}");
    assert_eq!(api.service.count_logged(NOT_ATOMIC), 1);
}

#[test]
fn rejects_bad_readings_of_a_cluster() {
    let redis = Redis::start_cluster(&[]);
    let mut api = Api::follow(&redis, &[NO_HEARTBEAT]);
    api.service.logged(NO_READING);
    redis.cli(&["SET", "wrpi-timestamp", TIMESTAMP]);
    redis.cli(&["LPUSH", "wrpi-latest", "1"]);
    let entry = api.service.logged(REJECTED);
    assert_eq!(entry["error"], "wrpi-latest is missing or not a string, but the other key exists");
}

#[test]
fn refuses_a_cluster_of_several_shards_with_advice() {
    let second = Redis::start_cluster(&[]);
    let slot = second.cli(&["CLUSTER", "KEYSLOT", "wrpi-timestamp"]);
    let first = Redis::start_cluster(&[&slot]);
    let expected = "this Redis is in cluster mode: use a cluster of one shard that serves all slots";
    let lost = |api: &mut Api| {
        api.service.printed(|line| (line.contains(LOST) && line.contains(expected)).then_some(()));
        assert_eq!(api.get().status, 503);
    };
    // First no shard serves the slot, then another shard does.
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
fn refuses_a_database_other_than_0_of_a_cluster_with_advice() {
    let redis = Redis::start_cluster(&[]);
    let mut api = Api::follow(&redis, &[("REDIS_DB", "1")]);
    let entry = api.service.logged(LOST);
    assert!(entry["error"].as_str().unwrap().ends_with("; set REDIS_DB to 0"), "{entry}");
}

#[test]
fn reads_key_by_key_if_a_proxy_refuses_both_keys_in_any_words() {
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
