//! What the store holds is what is served, as soon as it changes; what is no reading is refused.

use wrpi_test::{Redis, eventually, random_password};

use crate::api::{Api, BODY, TIMESTAMP, VALUE};

/// So long that only a push can bring a change in time.
const NO_HEARTBEAT: (&str, &str) = ("REDIS_HEARTBEAT", "60m");
const REJECTED: &str = "reading rejected, the last good one stays";

/// How many commands the server has run, but for those that ask for this number or whether it lives.
fn commands(redis: &Redis) -> u64 {
    let stats = redis.cli(&["INFO", "commandstats"]);
    let calls = stats.lines().filter_map(|line| line.strip_prefix("cmdstat_")?.split_once(":calls="));
    let counted = calls.filter(|(name, _)| *name != "info");
    counted.map(|(_, calls)| calls.split(',').next().unwrap().parse::<u64>().unwrap()).sum()
}

/// What `measure` finds while the connection to the store lasts: one that a busy machine holds up for a second is
/// replaced, which costs commands of its own.
fn while_connected<T: std::fmt::Debug>(api: &Api, measure: impl Fn() -> T) -> T {
    let state = || (api.metric("wrpi_store_up"), api.metric("wrpi_store_reconnects_total"));
    let attempt = || {
        let before = state();
        let found = measure();
        (before.0 == "1" && before == state()).then_some(found)
    };
    eventually(attempt, Option::is_some).unwrap()
}

#[test]
fn each_write_is_pushed() {
    let (api, redis) = Api::start(&[NO_HEARTBEAT]);
    for n in 0..21 {
        let value = format!("{n}.000");
        redis.write(&value, TIMESTAMP);
        api.serves_value(&value);
    }
}

#[test]
fn requests_cost_no_redis_command_and_a_write_costs_one_read() {
    let (mut api, redis) = Api::start(&[NO_HEARTBEAT]);
    api.service.logged("store connected, changes are pushed");
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
fn the_python_updater_s_two_writes_are_one_reading() {
    let redis = Redis::start();
    let api = Api::follow(&redis, &[NO_HEARTBEAT]);
    redis.cli(&["SET", "wrpi-latest", VALUE]);
    redis.cli(&["SET", "wrpi-timestamp", TIMESTAMP]);
    api.serves(BODY);
}

#[test]
fn every_form_is_served_in_the_contract_s() {
    let (api, redis) = Api::start(&[NO_HEARTBEAT]);
    for value in
        ["31.338", "0.0001", "100.0", "100", "0", "0.000", "69.42", "69.420", "99.9999999999999999999999999", "007.10"]
    {
        redis.write(value, TIMESTAMP);
        let digits = value.strip_prefix("00").unwrap_or(value);
        api.serves(&BODY.replace(VALUE, digits));
    }
    for (stored, served) in [
        ("2026-11-23T20:53:24.786604", "2026-11-23T20:53:24+0000"),
        ("2026-11-23T20:53:25", "2026-11-23T20:53:25+0000"),
        ("2026-11-23T20:53:26Z", "2026-11-23T20:53:26+0000"),
        ("2026-11-23T20:53:27.9+0000", "2026-11-23T20:53:27+0000"),
        ("2026-11-23T20:53:28+00:00", "2026-11-23T20:53:28+0000"),
        ("2026-11-24T00:30:00+01:00", "2026-11-23T23:30:00+0000"),
        ("2026-11-23T20:53Z", "2026-11-23T20:53:00+0000"),
        ("2026-11-23 20:53:29", "2026-11-23T20:53:29+0000"),
    ] {
        redis.write(VALUE, stored);
        api.serves(&BODY.replace("2021-02-20T18:06:47+0000", served));
    }
}

#[test]
fn rubbish_is_logged_and_counted_and_the_last_good_reading_stays() {
    let (mut api, redis) = Api::start(&[NO_HEARTBEAT]);
    let rubbish: [&[&str]; 11] = [
        &["MSET", "wrpi-latest", "100.001", "wrpi-timestamp", TIMESTAMP],
        &["SET", "wrpi-latest", "-1"],
        &["SET", "wrpi-latest", "nan"],
        &["SET", "wrpi-latest", "5e-05"],
        &["SET", "wrpi-latest", ""],
        &["EVAL", r"return redis.call('SET', 'wrpi-latest', '\255\254')", "0"],
        &["EVAL", "redis.call('DEL', 'wrpi-latest') return redis.call('LPUSH', 'wrpi-latest', '1')", "0"],
        &["DEL", "wrpi-latest"],
        &["MSET", "wrpi-latest", VALUE, "wrpi-timestamp", "yesterday"],
        &["SET", "wrpi-timestamp", "1613844407"],
        &["DEL", "wrpi-timestamp"],
    ];
    let mut found = Vec::new();
    for command in rubbish {
        let seen = api.service.output().len();
        redis.cli(command);
        // A list in place of the value is found as absent, and so is nothing in its place.
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
            r#"value "nan" is not a plain decimal number"#,
            r#"value "5e-05" is not a plain decimal number"#,
            r#"value "" is not a plain decimal number"#,
            r#"value "\xff\xfe" is not a plain decimal number"#,
            "wrpi-latest is missing or not a string, while the other key is there",
            r#"timestamp "yesterday" is not an ISO 8601 date and time"#,
            r#"timestamp "1613844407" is not an ISO 8601 date and time"#,
            "wrpi-timestamp is missing or not a string, while the other key is there",
        ]
    );
    for (reason, count) in
        [("value_out_of_range", "1"), ("value_not_decimal", "5"), ("incomplete", "2"), ("timestamp_unreadable", "2")]
    {
        assert_eq!(api.metric(&format!("wrpi_readings_rejected_total{{reason=\"{reason}\"}}")), count);
    }
    redis.write("1.000", TIMESTAMP);
    api.serves_value("1.000");
    api.service.logged("good reading in the store again");
}

#[test]
fn the_same_rubbish_is_logged_once_however_often_it_is_read() {
    let (mut api, redis) = Api::start(&[("REDIS_HEARTBEAT", "100ms")]);
    redis.write("rubbish", TIMESTAMP);
    api.service.logged(REJECTED);
    let before = commands(&redis);
    eventually(|| commands(&redis), |now| *now > before + 20);
    assert_eq!(api.service.count_logged(REJECTED), 1);
}

#[test]
fn keys_in_another_database_are_missed_with_advice() {
    let redis = Redis::start();
    redis.write(VALUE, TIMESTAMP);
    let mut api = Api::follow(&redis, &[("REDIS_DB", "3")]);
    let entry = api.service.logged("no reading in this database; is REDIS_DB the number that the updater writes to?");
    assert_eq!((&entry["redis_host"], &entry["redis_db"]), (&"127.0.0.1".into(), &3.into()));
    assert_eq!(api.get().status, 503);
}

#[test]
fn a_server_that_does_not_push_is_polled_until_it_does() {
    let (redis, password) = (Redis::start(), random_password());
    let password_rule = format!(">{password}");
    redis.cli(&["ACL", "SETUSER", "api", "on", &password_rule, "~wrpi-*", "+mget", "+hello", "+select"]);
    let mut api = Api::follow(&redis, &[("REDIS_USER", "api"), ("REDIS_PASS", &password)]);
    let refused = "store connected, but it refuses to push changes; polling every second";
    api.service.logged(refused);
    for value in ["1.000", "2.000"] {
        redis.write(value, TIMESTAMP);
        api.serves_value(value);
    }
    redis.cli(&["ACL", "SETUSER", "api", "+client|tracking"]);
    api.service.logged("store connected, changes are pushed");
    redis.write("3.000", TIMESTAMP);
    api.serves_value("3.000");
    // A machine that holds the connection up for a second loses it; to be refused again is no loss, and is not logged.
    let output = api.service.output();
    let losses: Vec<_> = output.iter().filter(|line| line.contains("store lost")).collect();
    assert!(!losses.iter().any(|line| line.contains("permissions")), "{losses:?}");
    assert!(api.service.count_logged(refused) <= 1 + losses.len(), "{output:?}");
}
