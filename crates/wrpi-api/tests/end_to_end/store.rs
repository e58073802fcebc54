//! The API serves what the store holds, as soon as it changes, and rejects what is not a reading.

use wrpi_test::{Api, BODY, Redis, TIMESTAMP, VALUE, eventually};

use crate::support::feed::{NO_HEARTBEAT, NO_READING, PUSHED, REJECTED, commands, while_connected, write_one_by_one};

#[test]
fn reads_redis_once_per_write_and_never_per_request() {
    let (mut api, redis) = Api::start(&[NO_HEARTBEAT]);
    api.service.logged(PUSHED);
    let for_requests = while_connected(&api, || {
        let before = commands(&redis);
        (0..100).for_each(|_| assert_eq!(api.get().status, 200));
        commands(&redis) - before
    });
    assert_eq!(for_requests, 0);
    let for_a_write = while_connected(&api, || {
        let before = commands(&redis);
        let value = format!("{}.000", before % 100);
        redis.write(&value, "2021-02-20T18:07:47");
        api.serves_value(&value);
        commands(&redis) - before
    });
    assert_eq!(for_a_write, 2, "MSET and MGET");
}

#[test]
fn combines_the_two_writes_of_the_python_updater() {
    let redis = Redis::start();
    let api = Api::follow(&redis, &[NO_HEARTBEAT]);
    write_one_by_one(&redis, VALUE, TIMESTAMP);
    api.serves(BODY);
}

#[test]
fn serves_every_stored_form_in_the_form_of_the_contract() {
    let (api, redis) = Api::start(&[NO_HEARTBEAT]);
    for value in ["0.0001", "100.0", "0", "69.42", "69.420", "99.9999999999999999999999999", "007.10"] {
        redis.write(value, TIMESTAMP);
        let digits = value.strip_prefix("00").unwrap_or(value);
        api.serves(&BODY.replace(VALUE, digits));
    }
    for (stored, served) in [
        ("2026-11-23T20:53:24.786604", "2026-11-23T20:53:24+0000"),
        ("2026-11-24T00:30:00+01:00", "2026-11-23T23:30:00+0000"),
        ("2026-11-23 20:53Z", "2026-11-23T20:53:00+0000"),
    ] {
        redis.write(VALUE, stored);
        api.serves(&BODY.replace("2021-02-20T18:06:47+0000", served));
    }
}

#[test]
fn rejects_bad_readings_and_keeps_the_last_good_one() {
    let (mut api, redis) = Api::start(&[NO_HEARTBEAT]);
    let bad: [&[&str]; 8] = [
        &["MSET", "wrpi-latest", "100.001", "wrpi-timestamp", TIMESTAMP],
        &["SET", "wrpi-latest", "-1"],
        &["SET", "wrpi-latest", ""],
        &["EVAL", r"return redis.call('SET', 'wrpi-latest', '\255\254')", "0"],
        &["EVAL", "redis.call('DEL', 'wrpi-latest') return redis.call('LPUSH', 'wrpi-latest', '1')", "0"],
        &["DEL", "wrpi-latest"],
        &["MSET", "wrpi-latest", VALUE, "wrpi-timestamp", "yesterday"],
        &["DEL", "wrpi-timestamp"],
    ];
    let mut found = Vec::new();
    for command in bad {
        let seen = api.service.output().len();
        redis.cli(command);
        // The feed logs a list and then a missing key as the same problem, once.
        if command != ["DEL", "wrpi-latest"] {
            found.push(api.service.logged_after(seen, REJECTED)["error"].as_str().unwrap().to_owned());
        }
        assert_eq!(api.get().body, BODY, "{command:?}");
    }
    assert_eq!(
        found,
        [
            r#"value "100.001" is outside 0 to 100"#,
            r#"value "-1" is not a plain decimal number"#,
            r#"value "" is not a plain decimal number"#,
            r#"value "\xff\xfe" is not a plain decimal number"#,
            "wrpi-latest is missing or not a string, but the other key exists",
            r#"timestamp "yesterday" is not an ISO 8601 date and time"#,
            "wrpi-timestamp is missing or not a string, but the other key exists",
        ]
    );
    for (reason, count) in
        [("value_out_of_range", "1"), ("value_not_decimal", "3"), ("incomplete", "2"), ("timestamp_unreadable", "1")]
    {
        assert_eq!(api.metric(&format!("wrpi_readings_rejected_total{{reason=\"{reason}\"}}")), count);
    }
    redis.write("1.000", TIMESTAMP);
    api.serves_value("1.000");
    api.service.logged("the store has a good reading again");
}

#[test]
fn logs_the_same_bad_reading_once() {
    let (mut api, redis) = Api::start(&[("REDIS_HEARTBEAT", "100ms")]);
    redis.write("rubbish", TIMESTAMP);
    api.service.logged(REJECTED);
    let before = commands(&redis);
    eventually(|| commands(&redis), |now| *now > before + 20);
    assert_eq!(api.service.count_logged(REJECTED), 1);
}

#[test]
fn logs_advice_if_the_keys_are_in_another_database() {
    let redis = Redis::start();
    redis.write(VALUE, TIMESTAMP);
    let mut api = Api::follow(&redis, &[("REDIS_DB", "3")]);
    let entry = api.service.logged(NO_READING);
    assert_eq!((&entry["redis_host"], &entry["redis_db"]), (&"127.0.0.1".into(), &3.into()));
    assert_eq!(api.get().status, 503);
}
