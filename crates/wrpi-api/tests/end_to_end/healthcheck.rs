//! The subcommand that a container's health check runs.

use wrpi_test::{Api, Redis, TIMESTAMP, VALUE, eventually, free_port};

use crate::support::binary::healthcheck;

#[test]
fn reports_whether_the_api_is_ready() {
    let redis = Redis::start();
    let api = Api::follow(&redis, &[]);
    let (code, log) = healthcheck(&api.admin, &[]);
    assert_eq!(code, Some(1));
    assert!(log.contains(&format!("{} is not ready: no reading yet", api.admin)), "{log}");

    redis.write(VALUE, TIMESTAMP);
    eventually(|| healthcheck(&api.admin, &[]).0, |code| *code == Some(0));
    let bad_at_startup = [("TLS_CERT_FILE", "/nonexistent"), ("TLS_KEY_FILE", "/nonexistent")];
    assert_eq!(healthcheck(&api.admin, &bad_at_startup).0, Some(0), "the running API has its files");
}

#[test]
fn asks_on_loopback_if_the_admin_listener_is_on_every_address() {
    let redis = Redis::start();
    redis.write(VALUE, TIMESTAMP);
    let api = Api::follow(&redis, &[("ADMIN_ADDR", "0.0.0.0:0")]);
    eventually(|| healthcheck(&api.admin, &[]).0, |code| *code == Some(0));
    let port = api.admin.rsplit_once(':').unwrap().1;
    assert_eq!(healthcheck(&format!("[::]:{port}"), &[]).0, Some(1), "it asks elsewhere too");
}

#[test]
fn fails_if_nothing_listens_and_if_the_address_is_bad() {
    let free = format!("127.0.0.1:{}", free_port());
    let bad = "ADMIN_ADDR is \"9090\"; allowed: an IP address and port, such as 0.0.0.0:8080 or [::]:8080";
    for (admin, expected, message) in [(free.as_str(), 1, &*format!("no answer from {free}")), ("9090", 2, bad)] {
        let (code, log) = healthcheck(admin, &[]);
        assert_eq!(code, Some(expected));
        assert!(log.contains(message), "{log}");
    }
}
