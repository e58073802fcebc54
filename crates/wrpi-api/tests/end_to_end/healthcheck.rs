//! The subcommand that a container's health check runs.

use std::process::{Command, Output};

use wrpi_test::{Redis, eventually, free_port};

use crate::api::{Api, TIMESTAMP, VALUE};

fn healthcheck(admin: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wrpi-api"));
    command.arg("healthcheck").env_clear().env("ADMIN_ADDR", admin).output().unwrap()
}

#[test]
fn it_says_whether_the_api_is_ready() {
    let redis = Redis::start();
    let api = Api::follow(&redis, &[]);
    let output = healthcheck(&api.admin);
    assert_eq!(output.status.code(), Some(1));
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.contains(&format!("{} is not ready: no reading yet", api.admin)), "{log}");

    redis.write(VALUE, TIMESTAMP);
    eventually(|| healthcheck(&api.admin).status.code(), |code| *code == Some(0));
}

#[test]
fn what_is_bad_for_a_start_is_not_bad_for_what_runs() {
    let (api, _redis) = Api::start(&[]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_wrpi-api"));
    command.arg("healthcheck").env_clear().env("ADMIN_ADDR", &api.admin);
    command.env("TLS_CERT_FILE", "/nonexistent").env("TLS_KEY_FILE", "/nonexistent");
    assert_eq!(command.output().unwrap().status.code(), Some(0));
}

#[test]
fn a_listener_on_every_address_is_asked_on_the_loopback_one() {
    let redis = Redis::start();
    redis.write(VALUE, TIMESTAMP);
    let api = Api::follow(&redis, &[("ADMIN_ADDR", "0.0.0.0:0")]);
    eventually(|| healthcheck(&api.admin).status.code(), |code| *code == Some(0));
    let port = api.admin.rsplit_once(':').unwrap().1;
    assert_eq!(healthcheck(&format!("[::]:{port}")).status.code(), Some(1), "nothing is asked elsewhere");
}

#[test]
fn nobody_there_and_a_bad_address_are_failures() {
    let free = format!("127.0.0.1:{}", free_port());
    let bad = "ADMIN_ADDR is \"9090\"; allowed: an IP address and port, such as 0.0.0.0:8080 or [::]:8080";
    for (admin, code, message) in [(free.as_str(), 1, &*format!("no answer from {free}")), ("9090", 2, bad)] {
        let output = healthcheck(admin);
        assert_eq!(output.status.code(), Some(code));
        let log = String::from_utf8(output.stderr).unwrap();
        assert!(log.contains(message), "{log}");
    }
}
