//! Connections at rest, which `hyper` does not hold.

use std::io::{Read, Write};
use std::thread::sleep;
use std::time::Duration;

use socket2::SockRef;
use wrpi_test::{Api, BODY, Connection, TIMESTAMP, eventually};

use crate::support::socket::{CONNECTIONS, HIDDEN, connect, connect_with_small_buffer, request};

/// After this time without a request, a connection is at rest.
const PAUSE: Duration = Duration::from_millis(400);

#[test]
fn answers_requests_after_pauses_of_any_length() {
    let (api, _redis) = Api::start(&[]);
    let mut connection = Connection::open(&api.address).unwrap();
    for pause in [0, 20, 90, 100, 110, 200, 400, 0, 0] {
        sleep(Duration::from_millis(pause));
        connection.write(&request(&api, "/v0/wrpi").repeat(2)).unwrap();
        for _ in 0..2 {
            assert_eq!(connection.read(true).unwrap().body, BODY, "after {pause} ms");
        }
    }
}

#[test]
fn answers_a_request_that_arrives_in_pieces_with_long_pauses() {
    let (api, _redis) = Api::start(&[]);
    let mut connection = Connection::open(&api.address).unwrap();
    let whole = request(&api, "/v0/wrpi");
    for _ in 0..2 {
        for piece in [&whole[..1], &whole[1..20], &whole[20..whole.len() - 1], &whole[whole.len() - 1..]] {
            sleep(PAUSE);
            connection.write(piece).unwrap();
        }
        assert_eq!(connection.read(true).unwrap().body, BODY);
    }
}

#[test]
fn reads_no_request_from_the_late_rest_of_a_body() {
    let (api, _redis) = Api::start(&[]);
    for (address, target) in [(&api.address, "/v0/wrpi"), (&api.admin, "/livez")] {
        let mut connection = Connection::open(address).unwrap();
        let length = HIDDEN.len() + 1;
        connection
            .write(&format!("POST {target} HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\nx"))
            .unwrap();
        assert_eq!(connection.read(true).unwrap().status, 405);
        sleep(PAUSE);
        // The API may have closed the connection.
        let _closed = connection.write(HIDDEN);
        assert!(connection.read(true).is_err(), "{target}");
    }
}

#[test]
fn streams_after_pipelined_requests() {
    let (api, redis) = Api::start(&[]);
    let mut connection = Connection::open(&api.address).unwrap();
    connection.write(&[request(&api, "/v0/wrpi").repeat(3), request(&api, "/v0/wrpi/stream")].concat()).unwrap();
    for _ in 0..3 {
        assert_eq!(connection.read(true).unwrap().body, BODY);
    }
    assert_eq!(connection.read(false).unwrap().status, 200);
    assert!(connection.read_chunk().unwrap().unwrap().contains(BODY));
    redis.write("1.000", TIMESTAMP);
    assert!(connection.read_chunk().unwrap().unwrap().contains("1.000-1613844407"));
}

#[test]
fn streams_over_http_1_0_without_chunks() {
    let (api, redis) = Api::start(&[]);
    let mut socket = connect(&api.address);
    socket.write_all(request(&api, "/v0/wrpi/stream").replace("HTTP/1.1", "HTTP/1.0").as_bytes()).unwrap();
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

/// The buffers of some connections are full when the stream begins.
#[test]
fn forgets_a_stream_whose_client_leaves_before_it_begins() {
    let (api, _redis) = Api::start(&[]);
    for before in 1..60 {
        let socket = connect_with_small_buffer(&api.address);
        let requests = [request(&api, "/v0/wrpi").repeat(before), request(&api, "/v0/wrpi/stream")].concat();
        (&socket).write_all(requests.as_bytes()).unwrap();
        sleep(Duration::from_millis(5));
        // The connection is reset.
        SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
    }
    eventually(|| api.metric(CONNECTIONS), |active| active == "0");
    eventually(|| api.metric("wrpi_streams_active"), |active| active == "0");
}
