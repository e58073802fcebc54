//! Connections at rest: `hyper` gives them back between two requests, and takes them again.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

use wrpi_test::{Connection, PATIENCE, basic};

use crate::api::{Api, BODY, TIMESTAMP};

/// Longer than a connection must be quiet to be at rest.
const PAUSE: Duration = Duration::from_millis(400);

fn head(api: &Api, target: &str) -> String {
    let credentials = basic(&format!("any:{}", api.password));
    format!("GET {target} HTTP/1.1\r\nHost: test\r\nAuthorization: {credentials}\r\n\r\n")
}

#[test]
fn a_connection_answers_however_long_its_pauses_are() {
    let (api, _redis) = Api::start(&[]);
    let mut connection = Connection::open(&api.address).unwrap();
    for pause in [0, 20, 90, 100, 110, 200, 400, 0, 0] {
        sleep(Duration::from_millis(pause));
        connection.write(&head(&api, "/v0/wrpi").repeat(2)).unwrap();
        for _ in 0..2 {
            assert_eq!(connection.read(true).unwrap().body, BODY, "after {pause} ms");
        }
    }
}

#[test]
fn a_request_may_arrive_in_pieces_after_each_of_which_the_connection_is_quiet() {
    let (api, _redis) = Api::start(&[]);
    let mut connection = Connection::open(&api.address).unwrap();
    let request = head(&api, "/v0/wrpi");
    for _ in 0..2 {
        for piece in [&request[..1], &request[1..20], &request[20..request.len() - 1], &request[request.len() - 1..]] {
            sleep(PAUSE);
            connection.write(piece).unwrap();
        }
        assert_eq!(connection.read(true).unwrap().body, BODY);
    }
}

#[test]
fn the_late_rest_of_a_body_is_no_request() {
    let (api, _redis) = Api::start(&[]);
    for (address, target) in [(&api.address, "/v0/wrpi"), (&api.admin, "/livez")] {
        let mut connection = Connection::open(address).unwrap();
        let hidden = "GET /hidden HTTP/1.1\r\nHost: test\r\n\r\n";
        let length = hidden.len() + 1;
        connection
            .write(&format!("POST {target} HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\nx"))
            .unwrap();
        assert_eq!(connection.read(true).unwrap().status, 405);
        sleep(PAUSE);
        // It may be closed by now.
        let _closed = connection.write(hidden);
        assert!(connection.read(true).is_err(), "{target}");
    }
}

#[test]
fn a_stream_follows_what_was_asked_for_before_it() {
    let (api, redis) = Api::start(&[]);
    let mut connection = Connection::open(&api.address).unwrap();
    connection.write(&[head(&api, "/v0/wrpi").repeat(3), head(&api, "/v0/wrpi/stream")].concat()).unwrap();
    for _ in 0..3 {
        assert_eq!(connection.read(true).unwrap().body, BODY);
    }
    assert_eq!(connection.read(false).unwrap().status, 200);
    assert!(connection.read_chunk().unwrap().unwrap().contains(BODY));
    redis.write("1.000", TIMESTAMP);
    assert!(connection.read_chunk().unwrap().unwrap().contains("1.000-1613844407"));
}

#[test]
fn an_http_1_0_stream_has_no_chunks() {
    let (api, redis) = Api::start(&[]);
    let mut socket = TcpStream::connect(&api.address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(head(&api, "/v0/wrpi/stream").replace("HTTP/1.1", "HTTP/1.0").as_bytes()).unwrap();
    let mut text = String::new();
    let mut read_until = |end: &str| {
        while !text.ends_with(end) {
            let mut byte = [0];
            socket.read_exact(&mut byte).unwrap();
            text.push(char::from(byte[0]));
        }
        text.clone()
    };
    let first = read_until("}\n\n");
    assert!(first.contains("\r\n\r\nevent: wrpi\n"), "{first}");
    redis.write("1.000", TIMESTAMP);
    let second = read_until("1.000-1613844407\"\ndata: ");
    assert!(second.contains("}\n\nevent: wrpi\n"), "{second}");
}
