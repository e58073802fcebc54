//! Clients that shut their sending side once they have asked (RFC 9112, section 9.6): each answer comes whole.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use tokio_rustls::rustls::version::TLS13;
use wrpi_test::{Api, BODY, Connection, PATIENCE, TIMESTAMP, eventually};

use crate::https::Https;
use crate::stream::event;

const TIMES: usize = 200;

/// A request with the right password.
fn request(api: &Api, target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: test\r\nAuthorization: {}\r\n\r\n", api.credentials())
}

/// Sends `requests` and the end, [`TIMES`] times; everything that comes back each time.
fn exchanges(address: &str, requests: &str) -> Vec<String> {
    let exchange = |_| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(requests.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        rest(stream)
    };
    (0..TIMES).map(exchange).collect()
}

/// What comes until the end, or until the connection breaks.
fn rest(mut stream: impl Read) -> String {
    let mut bytes = Vec::new();
    let _broken = stream.read_to_end(&mut bytes);
    String::from_utf8(bytes).unwrap()
}

/// Asserts that each of `exchanges` has so many whole answers of 200 with `body`.
fn are_whole(exchanges: &[String], answers: usize, body: &str) {
    let is_whole = |text: &&String| {
        let count = |part: &str| text.matches(part).count();
        count("HTTP/1.1 200 OK\r\n") == answers && count(&format!("\r\n\r\n{body}")) == answers
    };
    let whole = exchanges.iter().filter(is_whole).count();
    assert_eq!(whole, TIMES, "of {TIMES}");
}

#[test]
fn every_answer_comes_on_the_public_listener() {
    let (api, _redis) = Api::start(&[]);
    are_whole(&exchanges(&api.address, &request(&api, "/v0/wrpi")), 1, BODY);
    are_whole(&exchanges(&api.address, &request(&api, "/v0/wrpi").repeat(3)), 3, BODY);
    are_whole(&exchanges(&api.address, &request(&api, "/")), 1, "");
}

#[test]
fn every_answer_comes_on_the_admin_listener() {
    let (api, _redis) = Api::start(&[]);
    are_whole(&exchanges(&api.admin, &request(&api, "/readyz")), 1, "");
    are_whole(&exchanges(&api.admin, &request(&api, "/livez").repeat(3)), 3, "");
}

#[test]
fn every_answer_comes_over_tls() {
    let https = Https::start(&[]);
    let request = request(&https.api, "/v0/wrpi");
    for pipelined in [1, 3] {
        let exchange = |_| {
            let mut stream = https.connect(https.client(&[&TLS13], &["http/1.1"]));
            stream.write_all(request.repeat(pipelined).as_bytes()).unwrap();
            stream.conn.send_close_notify();
            stream.flush().unwrap();
            stream.sock.shutdown(Shutdown::Write).unwrap();
            rest(stream)
        };
        are_whole(&(0..TIMES).map(exchange).collect::<Vec<_>>(), pipelined, BODY);
    }
}

#[test]
fn a_stream_goes_on_and_ends_within_its_heartbeat_once_the_client_has_left() {
    let (api, redis) = Api::start(&[("IDLE_TIMEOUT", "300ms")]);
    let socket = TcpStream::connect(&api.address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut stream = Connection::over(socket.try_clone().unwrap());
    stream.write(&request(&api, "/v0/wrpi/stream")).unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    assert_eq!(stream.read(false).unwrap().status, 200);
    redis.write("1.000", TIMESTAMP);
    while stream.read_chunk().unwrap() != Some(event("1.000")) {}
    assert_eq!(api.metric("wrpi_streams_active"), "1");
    drop((socket, stream));
    eventually(|| api.metric("wrpi_streams_active"), |active| active == "0");
}
