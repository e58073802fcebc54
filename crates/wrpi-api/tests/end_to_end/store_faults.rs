//! Whatever happens to the store, a reading once known is served, and the store is found again.

use std::net::TcpListener;

use wrpi_test::{Proxy, Redis, eventually, random_password, send};

use crate::api::{Api, BODY, TIMESTAMP, VALUE};

const LOST: &str = "store lost, retrying";
const FOUND: &str = "store connected, changes are pushed";

/// Waits until the API knows whether the store is `up`, while it serves [`BODY`] and stays ready.
fn knows_store(api: &Api, up: bool) {
    let serve = || {
        assert_eq!(api.get().body, BODY);
        assert_eq!(send(&api.admin, "GET", "/readyz", &[]).status, 200);
        api.metric("wrpi_store_up")
    };
    eventually(serve, |now| now == if up { "1" } else { "0" });
}

#[test]
fn redis_killed_and_started_again() {
    let (mut api, mut redis) = Api::start(&[]);
    redis.kill();
    knows_store(&api, false);
    redis.restart();
    knows_store(&api, true);
    redis.write("1.000", TIMESTAMP);
    api.serves_value("1.000");
    let entry = api.service.logged(LOST);
    assert!(entry["error"].as_str().unwrap().contains(&format!("127.0.0.1:{}/0", redis.port())), "{entry}");
    // A machine that holds a connection up for a second loses it once more: however often, each is logged once.
    let counts = || {
        let reconnects: usize = api.metric("wrpi_store_reconnects_total").parse().unwrap();
        (reconnects, api.service.count_logged(LOST), api.service.count_logged(FOUND))
    };
    eventually(counts, |&(reconnects, lost, found)| reconnects > 0 && (lost, found) == (reconnects, reconnects + 1));
}

#[test]
fn redis_paused_without_a_word() {
    let (api, redis) = Api::start(&[("REDIS_HEARTBEAT", "100ms")]);
    redis.pause();
    knows_store(&api, false);
    redis.resume();
    knows_store(&api, true);
    redis.write("1.000", TIMESTAMP);
    api.serves_value("1.000");
}

/// An API that serves [`BODY`] and follows Redis through a proxy, with nothing but pushes.
fn start_behind_proxy() -> (Api, Redis, Proxy) {
    let redis = Redis::start();
    redis.write(VALUE, TIMESTAMP);
    let proxy = Proxy::start(redis.port());
    let api = Api::follow(&redis, &[("REDIS_PORT", &proxy.port().to_string()), ("REDIS_HEARTBEAT", "60m")]);
    api.serves(BODY);
    (api, redis, proxy)
}

#[test]
fn a_connection_that_died_without_a_word_is_missed_and_replaced() {
    let (api, redis, proxy) = start_behind_proxy();
    proxy.silence();
    redis.write("1.000", TIMESTAMP);
    api.serves_value("1.000");
}

#[test]
fn redis_flushed() {
    let (mut api, redis) = Api::start(&[]);
    redis.cli(&["FLUSHALL"]);
    api.service.logged("no reading in this database; check that REDIS_DB matches the updater's");
    knows_store(&api, true);
    redis.write("1.000", TIMESTAMP);
    api.serves_value("1.000");
}

#[test]
fn the_api_started_before_redis() {
    let mut redis = Redis::start();
    redis.kill();
    let mut api = Api::follow(&redis, &[]);
    assert_eq!(api.get().status, 503);
    assert_eq!(send(&api.admin, "GET", "/livez", &[]).status, 200);
    api.service.logged(LOST);
    redis.restart();
    redis.write(VALUE, TIMESTAMP);
    api.serves(BODY);
    assert_eq!(api.metric("wrpi_store_reconnects_total"), "0", "it was never lost");
}

#[test]
fn a_store_that_accepts_and_hangs_up_is_tried_for_ever_and_logged_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let redis = Redis::start();
    let mut api = Api::follow(&redis, &[("REDIS_PORT", &port)]);
    for _ in 0..6 {
        drop(listener.accept().unwrap());
    }
    api.service.logged(LOST);
    assert_eq!(api.service.count_logged(LOST), 1);
    assert_eq!(api.get().status, 503);
}

#[test]
fn a_wrong_redis_password_is_told_and_not_shown() {
    let password = random_password();
    let redis = Redis::start_with(&["--requirepass", &random_password()]);
    let mut api = Api::follow(&redis, &[("REDIS_PASS", &password)]);
    let entry = api.service.logged(LOST);
    assert!(entry["error"].as_str().unwrap().to_lowercase().contains("password"), "{entry}");
    assert!(!entry.to_string().contains(&password));
}

#[test]
fn each_cause_of_a_loss_is_told_once() {
    let ((api, redis, proxy), password) = (start_behind_proxy(), random_password());
    redis.cli(&["CONFIG", "SET", "requirepass", &password]);
    proxy.cut();
    // Since the store was last found: how the connection ended, and why there is no other.
    let causes = || {
        let output = api.service.output();
        let since = output.iter().rposition(|line| line.contains(FOUND)).unwrap_or(0);
        let lost = output[since..].iter().filter(|line| line.contains(LOST));
        lost.map(|line| line.to_lowercase().contains("authentication required")).collect::<Vec<_>>()
    };
    eventually(causes, |causes| *causes == [false, true]);
    let attempts = || -> u64 {
        let stats = redis.cli(&["--no-auth-warning", "-a", &password, "INFO", "commandstats"]);
        let hello = stats.lines().find_map(|line| line.strip_prefix("cmdstat_hello:calls=")).unwrap();
        hello.split(',').next().unwrap().parse().unwrap()
    };
    let before = attempts();
    eventually(attempts, |now| *now > before + 2);
    assert_eq!(causes(), [false, true]);
    knows_store(&api, false);
}
