//! Clients that mean no good, over a bare socket: each gets one clear answer or a closed connection, and never a second
//! request out of one; memory stays bounded.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use wrpi_test::{PATIENCE, eventually};

use crate::api::Api;

/// What an attacker hides in a request, for another to have sent: answered with 404.
const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: test\r\n\r\n";
const ACTIVE: &str = r#"http_connections_active{listener="public"}"#;

/// A connection that is closed without an answer.
const NONE: [u16; 0] = [];

fn connect(api: &Api) -> TcpStream {
    let stream = TcpStream::connect(&api.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// The status of each answer that comes before the connection is closed, in whichever way.
fn statuses(mut stream: TcpStream) -> Vec<u16> {
    let mut bytes = Vec::new();
    if let Err(error) = stream.read_to_end(&mut bytes) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "still open after {}", bytes.escape_ascii());
    }
    let text = String::from_utf8(bytes).unwrap();
    text.split("HTTP/1.1 ").skip(1).map(|answer| answer[..3].parse().unwrap()).collect()
}

/// What a request is answered with that has these lines after its first, and then [`HIDDEN`].
fn answers(api: &Api, first_line: &str, rest: &str) -> Vec<u16> {
    let mut stream = connect(api);
    // In one piece; an API that has read enough may close before the end.
    let _closed_early = stream.write_all(format!("{first_line}\r\n{rest}{HIDDEN}").as_bytes());
    statuses(stream)
}

#[test]
fn what_can_be_read_in_two_ways_is_refused_and_closes_the_connection() {
    let (api, _redis) = Api::start(&[]);
    let get = "GET / HTTP/1.1";
    let post = "POST / HTTP/1.1";
    let length = HIDDEN.len();
    for (first_line, rest) in [
        (post, format!("Host: test\r\nContent-Length: 0\r\nContent-Length: {length}\r\n\r\n")),
        (post, format!("Host: test\r\nContent-Length: 0, {length}\r\n\r\n")),
        (post, format!("Host: test\r\nContent-Length: +{length}\r\n\r\n")),
        (post, "Host: test\r\nContent-Length: -1\r\n\r\n".into()),
        (post, "Host: test\r\nContent-Length: 0x10\r\n\r\n".into()),
        (post, "Host: test\r\nContent-Length:\r\n\r\n".into()),
        (post, "Host: test\r\nContent-Length: 99999999999999999999\r\n\r\n".into()),
        (post, format!("Host: test\r\nContent-Length : {length}\r\n\r\n")),
        (post, format!("Host: test\r\nContent-Length\t: {length}\r\n\r\n")),
        (post, "Host: test\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n".into()),
        (post, "Host: test\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n".into()),
        (post, "Host: test\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n".into()),
        (post, "Host: test\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n".into()),
        (post, "Host: test\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n".into()),
        (post, "Host: test\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n".into()),
        ("POST / HTTP/1.0", "Host: test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into()),
        (post, format!("Host: test\r\nContent-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")),
        (post, format!("Host: test\r\nTransfer-Encoding: chunked\r\nContent-Length: {length}\r\n\r\n0\r\n\r\n")),
        (post, "Host: test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into()),
        (post, "Host: test\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n".into()),
        (post, "Host: test\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n".into()),
        (post, "Host: test\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff1\r\na\r\n0\r\n\r\n".into()),
        (post, "Host: test\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nlonger\r\n0\r\n\r\n".into()),
        (post, "Host: test\r\nTransfer-Encoding: chunked\r\n\r\n1\na\n0\n\n".into()),
        (get, "Host: test\r\nTransfer-Encoding: chunked\r\n\r\n0;\n\r\n\r\n".into()),
        (get, "\r\n".into()),
        (get, "Host: test\r\nHost: test\r\n\r\n".into()),
        (get, "Host: te st\r\n\r\n".into()),
        (get, "Host: user@test\r\n\r\n".into()),
        (get, "Host: test\r\nX: folded\r\n over two lines\r\n\r\n".into()),
        (get, " X: before the first\r\nHost: test\r\n\r\n".into()),
        (get, "Host: test\r\nX: a\rY: b\r\n\r\n".into()),
        (get, "Host: test\r\nX: a\0b\r\n\r\n".into()),
        (get, "Host: test\r\nX y: a\r\n\r\n".into()),
        (get, "Host: test\r\nno colon\r\n\r\n".into()),
        ("GET /", "\r\n".into()),
        ("GET  /  HTTP/1.1", "Host: test\r\n\r\n".into()),
        ("GET\t/\tHTTP/1.1", "Host: test\r\n\r\n".into()),
        ("GET / HTTP/1.2", "Host: test\r\n\r\n".into()),
        ("GET / HTTP/3.0", "Host: test\r\n\r\n".into()),
        ("GE\x7fT / HTTP/1.1", "Host: test\r\n\r\n".into()),
        ("\x16\x03\x01\x02\0\x01", "\r\n".into()),
    ] {
        assert_eq!(answers(&api, first_line, &rest), [400], "{first_line:?} {rest:?}");
    }
    assert_eq!(answers(&api, "PRI * HTTP/2.0", "\r\nSM\r\n\r\n"), NONE, "HTTP/2 without TLS");
}

#[test]
fn a_body_is_the_last_of_its_connection() {
    let (api, _redis) = Api::start(&[]);
    let head = format!("Host: test\r\nContent-Length: {}\r\n\r\n", HIDDEN.len());
    let next = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";
    for (method, status) in [("GET", 200), ("POST", 405)] {
        let mut stream = connect(&api);
        stream.write_all(format!("{method} / HTTP/1.1\r\n{head}{HIDDEN}{next}").as_bytes()).unwrap();
        let answers = statuses(stream);
        assert_eq!(answers, [status], "{method}: nothing may follow what might be a body");
    }
}

#[test]
fn heads_too_large_are_refused() {
    let (api, _redis) = Api::start(&[]);
    let memory = api.service.resident_kib();
    let long = "a".repeat(100_000);
    for (first_line, rest) in [
        ("GET / HTTP/1.1", format!("Host: test\r\nX: {long}\r\n\r\n")),
        ("GET / HTTP/1.1", format!("Host: test\r\n{}\r\n", "X: a\r\n".repeat(100))),
        (&format!("GET /{long} HTTP/1.1"), "Host: test\r\n\r\n".into()),
    ] {
        let answers = answers(&api, first_line, &rest);
        assert!(answers == [431] || answers == NONE, "{answers:?}");
    }
    let mut endless = connect(&api);
    endless.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    let lines = "X: a\r\n".repeat(1_000);
    let sent = (0..100_000).take_while(|_| endless.write_all(lines.as_bytes()).is_ok()).count();
    assert!(sent < 10_000, "60 MB of a head are still read");
    assert!(api.service.resident_kib() < memory + 4_096, "{memory} KiB, then {}", api.service.resident_kib());
}

#[test]
fn a_huge_body_is_not_read() {
    let (api, _redis) = Api::start(&[]);
    let memory = api.service.resident_kib();
    for framing in ["Content-Length: 99999999999", "Transfer-Encoding: chunked"] {
        for method in ["GET", "POST"] {
            let mut stream = connect(&api);
            write!(stream, "{method} /v0/wrpi HTTP/1.1\r\nHost: test\r\n{framing}\r\n\r\n").unwrap();
            let chunk = format!("10000\r\n{}\r\n", "a".repeat(0x10000));
            let sent = (0..2_000).take_while(|_| stream.write_all(chunk.as_bytes()).is_ok()).count();
            assert!(sent < 1_000, "{method}, {framing}: 64 MB are still read");
        }
    }
    assert!(api.service.resident_kib() < memory + 4_096, "{memory} KiB, then {}", api.service.resident_kib());
}

#[test]
fn a_head_that_comes_byte_by_byte_is_cut_off() {
    let (api, _redis) = Api::start(&[]);
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| {
                let mut slow = connect(&api);
                let head = "GET / HTTP/1.1\r\nHost: test\r\nX: ".bytes().chain(std::iter::repeat(b'a'));
                for byte in head {
                    if slow.write_all(&[byte]).is_err() {
                        break;
                    }
                    thread::sleep(Duration::from_millis(200));
                    assert!(start.elapsed() < PATIENCE, "still open");
                }
            });
        }
        while start.elapsed() < Duration::from_secs(2) {
            assert_eq!(api.get().status, 200);
        }
    });
    assert!(start.elapsed() > Duration::from_secs(5), "a slow but honest client has time");
}

#[test]
fn who_never_reads_and_who_never_speaks_is_closed() {
    let (api, _redis) = Api::start(&[("IDLE_TIMEOUT", "1s")]);
    let memory = api.service.resident_kib();
    let mut deaf = connect(&api);
    deaf.set_write_timeout(Some(PATIENCE)).unwrap();
    let silent = connect(&api);
    let requests = "GET / HTTP/1.1\r\nHost: test\r\n\r\n".repeat(1_000);
    let error = loop {
        if let Err(error) = deaf.write_all(requests.as_bytes()) {
            break error;
        }
    };
    assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
    assert_eq!(statuses(silent), NONE);
    assert!(api.service.resident_kib() < memory + 4_096, "{memory} KiB, then {}", api.service.resident_kib());
}

#[test]
fn a_crowd_of_unfinished_heads_takes_little_memory_and_gives_it_back() {
    let (api, _redis) = Api::start(&[]);
    let (memory, descriptors) = (api.service.resident_kib(), api.service.descriptors());
    let head = format!("GET / HTTP/1.1\r\nHost: test\r\nX: {}", "a".repeat(15_000));
    let crowd: Vec<_> = (0..500)
        .map(|_| {
            let mut stream = connect(&api);
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    eventually(|| api.metric(ACTIVE), |active| active == "500");
    assert_eq!(api.get().status, 200);
    let each = (api.service.resident_kib().saturating_sub(memory)) / 500;
    assert!(each < 64, "{each} KiB for each");
    drop(crowd);
    eventually(|| api.service.descriptors(), |now| *now <= descriptors);
}
