//! SIGTERM: not ready, no new connection, every request answered, exit code 0.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Barrier;
use std::thread;

use wrpi_test::{Connection, basic, eventually, send};

use crate::api::{Api, BODY};

const CLIENTS: usize = 16;

#[test]
fn no_request_fails_when_it_stops_under_load() {
    let (mut api, _redis) = Api::start(&[]);
    let credentials = basic(&format!("any:{}", api.password));
    let under_way = Barrier::new(CLIENTS + 1);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    let mut connection = Connection::open(&api.address).unwrap();
                    for sent in 0.. {
                        if sent == 100 {
                            under_way.wait();
                        }
                        let answer = connection.request("GET", "/v0/wrpi", &[("Authorization", &credentials)]);
                        let answer = answer.expect("a whole answer to every request");
                        assert_eq!((answer.status, answer.body.as_str()), (200, BODY));
                        if answer.header("connection") == Some("close") {
                            return sent;
                        }
                    }
                    unreachable!()
                })
            })
            .collect();
        under_way.wait();
        api.service.terminate();
        for client in clients {
            assert!(client.join().unwrap() >= 100);
        }
    });
    assert_eq!(api.service.wait().code(), Some(0));
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
    assert_eq!(api.service.count_logged("connections cut that did not end in time"), 0);
    drop(silent);
}
