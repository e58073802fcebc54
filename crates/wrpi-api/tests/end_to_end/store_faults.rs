//! Whatever happens to the store, the API serves the last reading and reconnects.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use wrpi_test::{Api, BODY, Proxy, Redis, TIMESTAMP, VALUE, eventually, random_password, send};

use crate::support::feed::{
    CLOSED, LOST, NO_HEARTBEAT, NO_READING, PUSHED as FOUND, knows_store, redis_with_reading, start_behind_proxy,
};

#[test]
fn serves_the_last_reading_while_redis_is_killed_and_restarted() {
    let (mut api, mut redis) = Api::start(&[]);
    redis.kill();
    knows_store(&api, false);
    redis.restart();
    knows_store(&api, true);
    redis.write("1.000", TIMESTAMP);
    api.serves_value("1.000");
    let entry = api.service.logged(LOST);
    assert!(entry["error"].as_str().unwrap().contains(&format!("127.0.0.1:{}/0", redis.port())), "{entry}");
    // A busy machine may lose the connection more than once. Each loss is logged once.
    let counts = || {
        let reconnects: usize = api.metric("wrpi_store_reconnects_total").parse().unwrap();
        (reconnects, api.service.count_logged(LOST), api.service.count_logged(FOUND))
    };
    eventually(counts, |&(reconnects, lost, found)| reconnects > 0 && (lost, found) == (reconnects, reconnects + 1));
}

#[test]
fn serves_the_last_reading_while_redis_hangs() {
    let (api, redis) = Api::start(&[("REDIS_HEARTBEAT", "100ms")]);
    redis.pause();
    knows_store(&api, false);
    redis.resume();
    knows_store(&api, true);
    redis.write("1.000", TIMESTAMP);
    api.serves_value("1.000");
}

#[test]
fn replaces_a_connection_that_died_silently() {
    let (api, redis, proxy) = start_behind_proxy();
    proxy.silence();
    redis.write("1.000", TIMESTAMP);
    api.serves_value("1.000");
}

#[test]
fn serves_the_last_reading_after_redis_is_flushed() {
    let (mut api, redis) = Api::start(&[]);
    redis.cli(&["FLUSHALL"]);
    api.service.logged(NO_READING);
    knows_store(&api, true);
    redis.write("1.000", TIMESTAMP);
    api.serves_value("1.000");
}

#[test]
fn waits_for_redis_if_it_starts_first() {
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
fn retries_a_store_that_disconnects_and_logs_it_once() {
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
fn retries_soon_again_after_it_was_connected() {
    /// The delay before an attempt that follows many failed ones, at the least.
    const LONGEST: Duration = Duration::from_millis(250);
    let redis = redis_with_reading(&[]);
    let (proxy, refusing) = (Proxy::start(redis.port()), TcpListener::bind("127.0.0.1:0").unwrap());
    let port = proxy.port().to_string();
    // A short heartbeat: if an idle connection is closed, the API connects at once.
    let api = Api::follow(&redis, &[("REDIS_PORT", &port), ("REDIS_HEARTBEAT", "200ms")]);
    api.serves(BODY);
    proxy.set_server(refusing.local_addr().unwrap().port());
    proxy.cut();
    // An attempt opens two connections at most.
    (0..16).for_each(|_| drop(refusing.accept().unwrap()));
    proxy.set_server(redis.port());
    drop(refusing);
    knows_store(&api, true);
    let reconnects = || api.metric("wrpi_store_reconnects_total").parse::<u32>().unwrap();
    // A slow machine may need several attempts to be faster than the delay.
    let reconnect = || {
        let (before, start) = (reconnects(), Instant::now());
        proxy.cut();
        eventually(reconnects, |now| *now > before);
        start.elapsed()
    };
    eventually(reconnect, |took| *took < LONGEST);
}

#[test]
fn survives_that_redis_closes_idle_connections() {
    let redis = redis_with_reading(&["--timeout", "2"]);
    let mut api = Api::follow(&redis, &[NO_HEARTBEAT]);
    api.serves(BODY);
    // A busy machine may lose the connection because Redis does not answer in time.
    let is_lost = || api.service.output().iter().any(|line| line.contains(LOST) && line.contains("timed out"));
    let age = || {
        let up = api.metric("wrpi_store_up");
        assert!(up == "1" || is_lost(), "{:#?}", api.service.output());
        let clients = redis.cli(&["CLIENT", "LIST"]);
        let client = clients.lines().find(|client| client.contains(" cmd=mget "))?;
        client.split(' ').find_map(|field| field.strip_prefix("age="))?.parse::<u32>().ok()
    };
    // It reads often enough to keep a connection.
    eventually(age, |age| *age > Some(6));
    assert!(api.service.count_logged(LOST) == 0 || is_lost(), "{:#?}", api.service.output());
    assert!(api.metric("wrpi_store_reconnects_total") == "0" || is_lost());
    api.service.logged(CLOSED);
    redis.write("1.000", TIMESTAMP);
    api.serves_value("1.000");
}

#[test]
fn logs_a_wrong_redis_password_without_showing_it() {
    let password = random_password();
    let redis = Redis::start_with(&["--requirepass", &random_password()]);
    let mut api = Api::follow(&redis, &[("REDIS_PASS", &password)]);
    let entry = api.service.logged(LOST);
    assert!(entry["error"].as_str().unwrap().to_lowercase().contains("password"), "{entry}");
    assert!(!entry.to_string().contains(&password));
}

#[test]
fn logs_each_cause_of_a_loss_once() {
    let ((api, redis, proxy), password) = (start_behind_proxy(), random_password());
    redis.cli(&["CONFIG", "SET", "requirepass", &password]);
    proxy.cut();
    // Since the last connection: why it ended, and why no other could be opened.
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
