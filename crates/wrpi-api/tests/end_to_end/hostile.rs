//! Hostile clients over a bare socket: each gets one response or a closed connection, never the response to a second
//! request inside its first, and memory stays bounded.

use std::io::Write;

use wrpi_test::{Api, eventually};

use crate::support::socket::{CONNECTIONS, HIDDEN, connect, statuses, statuses_before_hidden};

/// A connection that is closed without a response.
const NONE: [u16; 0] = [];
/// The memory, in KiB, that the process may need for the hostile connections of a test.
const SMALL: u64 = 4_096;

#[test]
fn refuses_ambiguous_requests_and_closes_the_connection() {
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
        (get, "Host: a:b:c\r\n\r\n".into()),
        (get, "Host: :80\r\n\r\n".into()),
        (get, "Host: test:99999\r\n\r\n".into()),
        (get, "Host: -..-\r\n\r\n".into()),
        (get, "Host: [::1\r\n\r\n".into()),
        (get, "Host:\r\n\r\n".into()),
        ("GET http://test:99999/ HTTP/1.1", "Host: test\r\n\r\n".into()),
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
        assert_eq!(statuses_before_hidden(&api, first_line, &rest), [400], "{first_line:?} {rest:?}");
    }
    assert_eq!(statuses_before_hidden(&api, "PRI * HTTP/2.0", "\r\nSM\r\n\r\n"), NONE, "HTTP/2 without TLS");
}

#[test]
fn closes_the_connection_after_a_request_with_a_body() {
    let (api, _redis) = Api::start(&[]);
    let head = format!("Host: test\r\nContent-Length: {}\r\n\r\n", HIDDEN.len());
    let next = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";
    for (method, status) in [("GET", 200), ("POST", 405)] {
        let mut stream = connect(&api.address);
        stream.write_all(format!("{method} / HTTP/1.1\r\n{head}{HIDDEN}{next}").as_bytes()).unwrap();
        let answers = statuses(stream);
        assert_eq!(answers, [status], "{method}: the rest might be the body");
    }
}

#[test]
fn closes_the_connection_of_a_head_that_never_ends() {
    let (api, _redis) = Api::start(&[]);
    let memory = api.service.resident_kib();
    let mut endless = connect(&api.address);
    endless.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    let lines = "X: a\r\n".repeat(1_000);
    let sent = (0..100_000).take_while(|_| endless.write_all(lines.as_bytes()).is_ok()).count();
    assert!(sent < 10_000, "60 MB of a head are still read");
    assert!(api.service.resident_kib() < memory + SMALL, "{memory} KiB, then {}", api.service.resident_kib());
}

#[test]
fn does_not_read_a_huge_body() {
    let (api, _redis) = Api::start(&[]);
    let memory = api.service.resident_kib();
    for framing in ["Content-Length: 99999999999", "Transfer-Encoding: chunked"] {
        for method in ["GET", "POST"] {
            let mut stream = connect(&api.address);
            write!(stream, "{method} /v0/wrpi HTTP/1.1\r\nHost: test\r\n{framing}\r\n\r\n").unwrap();
            let chunk = format!("10000\r\n{}\r\n", "a".repeat(0x10000));
            let sent = (0..2_000).take_while(|_| stream.write_all(chunk.as_bytes()).is_ok()).count();
            assert!(sent < 1_000, "{method}, {framing}: 64 MB are still read");
        }
    }
    assert!(api.service.resident_kib() < memory + SMALL, "{memory} KiB, then {}", api.service.resident_kib());
}

#[test]
fn needs_little_memory_for_unfinished_heads_and_frees_their_descriptors() {
    let (api, _redis) = Api::start(&[]);
    let (memory, descriptors) = (api.service.resident_kib(), api.service.descriptors());
    let head = format!("GET / HTTP/1.1\r\nHost: test\r\nX: {}", "a".repeat(15_000));
    let crowd: Vec<_> = (0..500)
        .map(|_| {
            let mut stream = connect(&api.address);
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    eventually(|| api.metric(CONNECTIONS), |active| active == "500");
    assert_eq!(api.get().status, 200);
    let each = (api.service.resident_kib().saturating_sub(memory)) / 500;
    assert!(each < 64, "{each} KiB for each");
    drop(crowd);
    eventually(|| api.service.descriptors(), |now| *now <= descriptors);
}
