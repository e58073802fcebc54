//! SIGTERM: not ready, no new connection, every request answered, exit code 0.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use wrpi_test::{Connection, basic, eventually, send};

use crate::api::{Api, BODY};

const CLIENTS: usize = 16;
/// While it stops, the API keeps an idle connection open for this long: a request may be on its way.
const GRACE: Duration = Duration::from_secs(1);

#[test]
fn no_request_fails_when_it_stops_under_load() {
    let (mut api, _redis) = Api::start(&[]);
    let answered = [(); CLIENTS].map(|()| AtomicUsize::new(0));
    thread::scope(|scope| {
        for answered in &answered {
            scope.spawn(|| ask_until_told_to_close(&api, answered));
        }
        let least = || answered.iter().map(|count| count.load(Ordering::Relaxed)).min();
        eventually(least, |least| *least >= Some(100));
        api.service.terminate();
    });
    assert_eq!(api.service.wait().code(), Some(0));
}

/// Asks on one connection, one request after the other, and counts the answers.
fn ask_until_told_to_close(api: &Api, answered: &AtomicUsize) {
    let credentials = basic(&format!("any:{}", api.password));
    let mut last_use = Instant::now();
    let mut connection = Connection::open(&api.address).unwrap();
    loop {
        let asked = Instant::now();
        match connection.request("GET", "/v0/wrpi", &[("Authorization", &credentials)]) {
            Ok(answer) => {
                assert_eq!((answer.status, answer.body.as_str()), (200, BODY));
                answered.fetch_add(1, Ordering::Relaxed);
                if answer.header("connection") == Some("close") {
                    return;
                }
            }
            Err(error) => {
                // If this thread did not run for that long, the connection was idle.
                assert!(last_use.elapsed() >= GRACE, "a request was not answered: {error}");
                return;
            }
        }
        last_use = asked;
    }
}

#[test]
fn a_request_under_way_is_answered_and_new_ones_are_not_taken() {
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
fn requests_that_wait_to_be_accepted_are_answered() {
    let (mut api, _redis) = Api::start(&[]);
    api.service.pause();
    let mut waiting: Vec<_> = (0..300).map(|_| TcpStream::connect(&api.address).unwrap()).collect();
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
fn idle_connections_do_not_hold_it_up() {
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
fn signals_are_handled_before_the_settings_are_read() {
    let variables = [("REDIS_PORT", "1"), ("LISTEN_ADDR", "127.0.0.1:0"), ("ADMIN_ADDR", "127.0.0.1:0")];
    let code = wrpi_test::terminate_at_settings(env!("CARGO_BIN_EXE_wrpi-api"), "APP_PASSWORD_FILE", &variables);
    assert_eq!(code, Some(0));
}
