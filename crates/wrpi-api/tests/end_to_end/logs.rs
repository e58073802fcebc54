//! The log: one JSON object per event, and requests with their IDs.

use serde_json::Value;
use wrpi_test::{Api, Redis, TIMESTAMP, VALUE, get, send};

use crate::support::feed::REJECTED;

#[test]
fn returns_and_logs_the_request_id() {
    let (mut api, _redis) = Api::start(&[("RUST_LOG", "debug")]);
    let longest = "~".repeat(128);
    for (target, route) in [("/v0/wrpi", "/v0/wrpi"), ("/", "/"), ("/secret?really", "other")] {
        for id in ["a1b2-c3", "\"{}\\", &longest] {
            let answer = api.send("GET", target, &[("X-Request-Id", id)]);
            assert_eq!(answer.header("x-request-id"), Some(id), "{target}");
            let entry = api.service.printed(|line| {
                let entry: Value = serde_json::from_str(line).unwrap();
                (entry["request_id"] == id && entry["route"] == route).then_some(entry)
            });
            for (field, value) in [("level", "DEBUG"), ("message", "request answered"), ("method", "GET")] {
                assert_eq!(entry[field], value);
            }
            assert_eq!(entry["status"], answer.status);
            assert!(entry["duration_us"].is_u64(), "{entry}");
            assert!(!entry.to_string().contains("secret"), "the path of an unknown route is logged: {entry}");
        }
    }
}

#[test]
fn ignores_an_invalid_request_id() {
    let (mut api, _redis) = Api::start(&[("RUST_LOG", "debug")]);
    for id in ["", "two words", "tab\there", "ümläut", &"x".repeat(129)] {
        for target in ["/v0/wrpi", "/"] {
            let answer = api.send("GET", target, &[("X-Request-Id", id)]);
            assert_eq!((answer.status, answer.header("x-request-id")), (200, None), "{id}");
        }
    }
    api.service.terminate();
    assert!(api.service.wait().success());
    let log = api.service.output().into_iter().filter(|line| line.contains("request answered"));
    assert!(log.inspect(|line| assert!(!line.contains("request_id"), "{line}")).count() >= 10);
}

#[test]
fn warns_only_about_requests_that_fail_on_the_server() {
    let redis = Redis::start();
    let mut api = Api::follow(&redis, &[]);
    let answer = api.send("GET", "/v0/wrpi", &[("X-Request-Id", "a1b2")]);
    assert_eq!((answer.status, answer.header("x-request-id")), (503, Some("a1b2")));
    let entry = api.service.logged("request failed");
    assert_eq!((&entry["level"], &entry["request_id"]), (&"WARN".into(), &"a1b2".into()));
    assert_eq!((&entry["status"], &entry["route"]), (&503.into(), &"/v0/wrpi".into()));

    redis.write(VALUE, TIMESTAMP);
    api.becomes_ready();
    for (target, status) in [("/v0/wrpi", 200), ("/nowhere", 404)] {
        assert_eq!(get(&api.address, target, &api.password).status, status);
    }
    assert_eq!(send(&api.address, "GET", "/v0/wrpi", &[]).status, 401);
    api.service.terminate();
    assert!(api.service.wait().success());
    let about_requests = api.service.output().iter().filter(|line| line.contains(r#""message":"request"#)).count();
    assert_eq!(about_requests, 1, "{:#?}", api.service.output());
}

#[test]
fn logs_requests_for_cloud_logging_with_the_id_as_a_label() {
    let redis = Redis::start();
    let mut api = Api::follow(&redis, &[("LOG_FORMAT", "google")]);
    assert_eq!(api.send("GET", "/v0/wrpi", &[("X-Request-Id", "a1b2")]).status, 503);
    let entry = api.service.logged("request failed");
    assert_eq!((&entry["severity"], &entry["status"]), (&"WARNING".into(), &503.into()));
    assert_eq!(entry["logging.googleapis.com/labels"]["request_id"], "a1b2");
    assert_eq!(api.service.logged("listening")["severity"], "INFO");
}

#[test]
fn writes_one_json_object_per_line_for_any_input() {
    let (mut api, redis) = Api::start(&[("RUST_LOG", "trace")]);
    redis.write("rubbish\n{\"message\":\"forged\"}", TIMESTAMP);
    api.service.logged(REJECTED);
    for target in ["/v0/wrpi", "/%0a%22", "/{\"message\":\"forged\"}"] {
        send(&api.address, "GET", target, &[("X-Request-Id", "\"}{"), ("User-Agent", "\u{7f}\u{e9}")]);
    }
    api.service.terminate();
    assert!(api.service.wait().success());
    let lines = api.service.output();
    assert!(lines.len() > 5, "{lines:#?}");
    for line in lines {
        let entry: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(["timestamp", "level", "target"].iter().all(|field| entry[field].is_string()), "{line}");
        assert_ne!(entry["message"], "forged");
    }
}
