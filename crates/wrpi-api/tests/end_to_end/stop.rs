//! SIGTERM: the API is not ready, accepts no connection, answers every request and exits with code 0.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use wrpi_test::{Api, Connection, Redis, eventually, send, terminate_at_settings};

use crate::support::load::request_until_closed;
use crate::support::socket;

const CLIENTS: usize = 16;

#[test]
fn loses_no_request_under_load() {
    let (mut api, _redis) = Api::start(&[]);
    let answered = [(); CLIENTS].map(|()| AtomicUsize::new(0));
    thread::scope(|scope| {
        for answered in &answered {
            scope.spawn(|| request_until_closed(&api, answered));
        }
        let least = || answered.iter().map(|count| count.load(Ordering::Relaxed)).min();
        eventually(least, |least| *least >= Some(100));
        api.service.terminate();
    });
    assert_eq!(api.service.wait().code(), Some(0));
}

#[test]
fn answers_an_unfinished_request_and_accepts_no_connection() {
    let (mut api, _redis) = Api::start(&[]);
    let mut slow = Connection::open(&api.address).unwrap();
    assert_eq!(slow.request("GET", "/", &[]).unwrap().status, 200);
    slow.write("GET / HTTP/1.1\r\nHost: test\r\n").unwrap();
    api.service.terminate();
    eventually(
        || send(&api.admin, "GET", "/readyz", &[]),
        |answer| answer.body == "stopping\n" && answer.status == 503,
    );
    eventually(|| TcpStream::connect(&api.address).is_err(), |refused| *refused);
    slow.write("\r\n").unwrap();
    let answer = slow.read(true).unwrap();
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    assert!(slow.is_closed());
    assert_eq!(api.service.wait().code(), Some(0));
}

#[test]
fn answers_an_unfinished_request_after_sighup_too() {
    let redis = Redis::start();
    // The test itself may run under nohup.
    let mut api = Api::wrapped(&["env", "--default-signal=HUP"], &redis, &[]);
    let mut slow = Connection::open(&api.address).unwrap();
    slow.write("GET / HTTP/1.1\r\nHost: test\r\n").unwrap();
    // The first byte is read before the signal.
    assert_eq!(send(&api.address, "GET", "/", &[]).status, 200);
    api.service.hang_up();
    eventually(|| TcpStream::connect(&api.address).is_err(), |refused| *refused);
    slow.write("\r\n").unwrap();
    assert_eq!(slow.read(true).unwrap().status, 200);
    assert_eq!(api.service.wait().code(), Some(0));
}

#[test]
fn ignores_sighup_if_it_was_started_by_nohup() {
    let redis = Redis::start();
    let mut api = Api::wrapped(&["nohup"], &redis, &[]);
    let status = std::fs::read_to_string(format!("/proc/{}/status", api.service.id())).unwrap();
    let mask = |name: &str| {
        let mask = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        u64::from_str_radix(mask.trim(), 16).unwrap()
    };
    let hangup = 1;
    assert_eq!((mask("SigIgn:") & hangup, mask("SigCgt:") & hangup), (1, 0));
    api.service.hang_up();
    assert_eq!(send(&api.address, "GET", "/", &[]).status, 200);
    api.service.terminate();
    assert_eq!(api.service.wait().code(), Some(0));
}

#[test]
fn answers_requests_on_connections_that_are_not_accepted_yet() {
    let (mut api, _redis) = Api::start(&[]);
    api.service.pause();
    let mut waiting: Vec<_> = (0..150).map(|_| socket::connect(&api.address)).collect();
    for stream in &mut waiting {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    }
    api.service.terminate();
    api.service.resume();
    for mut stream in waiting {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
    }
    assert_eq!(api.service.wait().code(), Some(0));
}

#[test]
fn answers_requests_that_wait_for_a_file_descriptor_when_it_stops() {
    let (mut api, _redis) = Api::start(&[]);
    let process = api.service.id().to_string();
    let limit = |limit: &str| {
        let arguments = ["--pid", &process, &format!("--nofile={limit}")];
        assert!(Command::new("prlimit").args(arguments).status().unwrap().success());
    };
    limit("1:");
    let mut waiting: Vec<_> = (0..20).map(|_| socket::connect(&api.address)).collect();
    for stream in &mut waiting {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    }
    api.service.terminate();
    api.service.logged("stopping");
    limit("512:");
    for mut stream in waiting {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
    }
    assert_eq!(api.service.wait().code(), Some(0));
}

#[test]
fn does_not_wait_for_idle_connections() {
    let (mut api, _redis) = Api::start(&[]);
    let mut idle = Connection::open(&api.address).unwrap();
    assert_eq!(idle.request("GET", "/", &[]).unwrap().status, 200);
    let silent = TcpStream::connect(&api.address).unwrap();
    api.service.terminate();
    assert_eq!(api.service.wait().code(), Some(0));
    assert!(idle.is_closed());
    assert_eq!(api.service.count_logged("closing connections that did not end in time"), 0);
    drop(silent);
}

#[test]
fn handles_signals_before_it_reads_the_settings() {
    let variables = [("REDIS_PORT", "1"), ("LISTEN_ADDR", "127.0.0.1:0"), ("ADMIN_ADDR", "127.0.0.1:0")];
    let code = terminate_at_settings(env!("CARGO_BIN_EXE_wrpi-api"), "APP_PASSWORD_FILE", &variables);
    assert_eq!(code, Some(0));
}
