//! Whatever happens to the store, a reading once known is served, and the store is found again.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use wrpi_test::{Proxy, Redis, eventually, random_password, send};

use crate::api::{Api, BODY, TIMESTAMP, VALUE};

const LOST: &str = "store lost, trying again until it is back";
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
    assert_eq!(api.service.count_logged(LOST), 1);
    assert_eq!(api.service.count_logged(FOUND), 2);
    assert_eq!(api.metric("wrpi_store_reconnects_total"), "1");
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
    let written = Instant::now();
    api.serves_value("1.000");
    assert!(written.elapsed() < Duration::from_secs(2), "{:?}", written.elapsed());
}

#[test]
fn redis_flushed() {
    let (mut api, redis) = Api::start(&[]);
    redis.cli(&["FLUSHALL"]);
    api.service.logged("no reading in this database; is REDIS_DB the number that the updater writes to?");
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
    let (mut api, redis, proxy) = start_behind_proxy();
    redis.cli(&["CONFIG", "SET", "requirepass", &random_password()]);
    proxy.cut();
    let closed = api.service.logged(LOST);
    let seen = api.service.output().iter().position(|line| line.contains(LOST)).unwrap() + 1;
    let refused = api.service.logged_after(seen, LOST);
    assert!(!closed["error"].as_str().unwrap().to_lowercase().contains("auth"), "{closed}");
    assert!(refused["error"].as_str().unwrap().to_lowercase().contains("auth"), "{refused}");
    knows_store(&api, false);
    assert_eq!(api.service.count_logged(LOST), 2);
}
