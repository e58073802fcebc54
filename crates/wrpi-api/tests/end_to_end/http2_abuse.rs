//! HTTP/2 from hostile clients: the connection ends, and memory is bounded.

use std::io::{ErrorKind, Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use wrpi_test::{PATIENCE, eventually};

use crate::support::cost;
use crate::support::frames::{
    DATA, END_STREAM, GOAWAY, HEADERS, INDEX, PING, RST_STREAM, authorized, begin, code_of_end, endless_head, field,
    frame, get, next, next_of, opening, rapid_reset, requests, requests_without_window, streams, window,
};
use crate::support::https::Https;
use crate::support::socket::CONNECTIONS;
use crate::support::stream::{STREAM, STREAMS};

/// Error codes of a stream or a connection (RFC 9113, section 7).
const REFUSED_STREAM: [u8; 4] = [0, 0, 0, 7];
const NO_ERROR: u8 = 0;
const ENHANCE_YOUR_CALM: u8 = 11;
/// The memory that the manifests budget for a connection, and the kernel's part of it.
const BUDGET_KIB: u64 = 160;
const KERNEL_KIB: u64 = 32;
/// How many bytes the server reads from a client without the password.
const MAX_RECEIVED: usize = 49 * 1024;

#[test]
fn closes_a_connection_that_floods_it_with_frames() {
    let https = Https::start(&[]);
    let before = https.api.service.resident_mib();
    let with_password = get(1, &authorized("/v0/wrpi", &https.api.password));
    for flood in [rapid_reset(3), endless_head(3)] {
        for _ in 0..10 {
            let flood = [with_password.as_slice(), &flood].concat();
            assert_eq!(code_of_end(https.connect_http2(), |_| flood.clone()), ENHANCE_YOUR_CALM);
        }
    }
    for flood in [rapid_reset(1), endless_head(1)] {
        for _ in 0..10 {
            let mut stream = https.connect_http2();
            begin(&mut stream);
            let _is_closed = stream.write_all(&flood);
            let end = stream.read_to_end(&mut Vec::new());
            assert!(end.as_ref().err().is_none_or(|error| error.kind() != ErrorKind::WouldBlock), "{end:?}");
        }
    }
    let grown = https.api.service.resident_mib().saturating_sub(before);
    assert!(grown < 16, "by {grown} MiB");
}

#[test]
fn closes_a_connection_whose_client_accepts_no_response() {
    let https = Https::start(&[("IDLE_TIMEOUT", "2s")]);
    assert_eq!(code_of_end(https.connect_http2(), requests_without_window), NO_ERROR);
    eventually(|| https.api.metric(CONNECTIONS), |active| active == "0");
}

#[test]
fn closes_a_connection_that_only_sends_pings() {
    let https = Https::start(&[("IDLE_TIMEOUT", "2s")]);
    let mut stream = https.connect_http2();
    let began = Instant::now();
    begin(&mut stream);
    stream.write_all(&get(1, INDEX)).unwrap();
    next(DATA, &mut stream).unwrap();
    let mut ping = || stream.write_all(&frame(PING, 0, 0, &[0; 8])).is_ok() && next(PING, &mut stream).is_ok();
    assert!(ping());
    while ping() {
        assert!(began.elapsed() < PATIENCE, "pings keep the connection open");
        // The pace of the pings, many times within the time-out.
        thread::sleep(Duration::from_millis(20));
    }
    assert!(began.elapsed() >= Duration::from_millis(1_900));
}

/// The clients have no password, accept no responses and read none, neither those to requests nor those to PINGs.
#[test]
fn keeps_the_costliest_connections_within_the_memory_budget() {
    let large = field("x-padding", &"x".repeat(15_000));
    let returned = [INDEX, &field("x-request-id", "a"), &field("origin", "https://a.example"), &large].concat();
    let unauthenticated = [b"\x82\x87\x41\x04test\x04\x08/v0/wrpi".as_slice(), &large].concat();
    let description = b"\x82\x87\x41\x04test\x04\x0d/openapi.json".as_slice();
    // The server must remember a field of each head.
    let repeated =
        |padding: usize| [b"\x82\x87\x84\x40\x01a\x01b".as_slice(), &field("x", &"x".repeat(padding))].concat();
    let pings = frame(PING, 0, 0, &[0; 8]).repeat(3_000);
    for (name, sent) in [
        ("streams without a window", [requests_without_window(100), pings].concat()),
        ("streams without a window, large heads", [window(0), requests(100, &returned)].concat()),
        ("streams without a window, large heads, 401", [window(0), requests(100, &unauthenticated)].concat()),
        ("streams without a window, large responses", [window(0), requests(100, description)].concat()),
        ("streams without a window, repeated fields", [window(0), requests(100, &repeated(2_900))].concat()),
        ("unread responses", requests(5_000, INDEX)),
        ("unread large responses", requests(5_000, description)),
        ("unread responses, repeated fields", requests(5_000, &repeated(20))),
        ("a head that does not end", frame(HEADERS, END_STREAM, 1, &large)),
    ] {
        let https = Https::start(&[cost::THREADS]);
        let each = cost::of_connection(&https.api, || {
            let mut stream = https.connect_http2();
            begin(&mut stream);
            // The server stops reading when it can send no more responses.
            stream.sock.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
            let mut parts = sent[..sent.len().min(MAX_RECEIVED - 100)].chunks(1_000);
            let _is_blocked = parts.try_for_each(|part| stream.write_all(part));
            stream
        });
        println!("{name}: {each} KiB each");
        assert!(each < BUDGET_KIB - KERNEL_KIB, "{name}: {each} KiB each");
    }
}

#[test]
fn ends_a_connection_without_the_password_gracefully_when_it_has_sent_much() {
    let https = Https::start(&[]);
    let mut stream = https.connect_http2();
    begin(&mut stream);
    let request = |id| get(id, &[INDEX, &field("x", &"x".repeat(1_000))].concat());
    let mut answered = 0;
    for id in streams(100) {
        stream.write_all(&request(id)).unwrap();
        let (kind, payload) = next_of(&[DATA, GOAWAY], &mut stream).unwrap();
        if kind == GOAWAY {
            assert_eq!(payload[7], NO_ERROR);
            break;
        }
        answered += 1;
    }
    assert!((30..35).contains(&answered), "{answered}");
    next(DATA, &mut stream).unwrap();
    // The client does not confirm that it has received the announcement, and goes on.
    let flood = frame(PING, 0, 0, &[0; 8]).repeat(MAX_RECEIVED / 17);
    let _is_closed = stream.write_all(&flood);
    eventually(|| https.api.metric(CONNECTIONS), |active| active == "0");
}

#[test]
fn answers_all_requests_without_the_password_that_arrive_at_once() {
    let https = Https::start(&[]);
    let mut stream = https.connect_http2();
    stream.write_all(&[opening(), requests(100, INDEX)].concat()).unwrap();
    for _ in 0..100 {
        assert!(next(DATA, &mut stream).unwrap().starts_with(b"{\"routes\":"));
    }
    stream.write_all(&get(201, INDEX)).unwrap();
    next(DATA, &mut stream).unwrap();
}

#[test]
fn opens_no_more_streams_than_it_announces() {
    let https = Https::start(&[]);
    let fields = authorized(STREAM, &https.api.password);
    let mut stream = https.connect_http2();
    let max_streams = begin(&mut stream);
    assert_eq!(max_streams, 100);
    let all = max_streams.to_string();
    for id in streams(max_streams + 100) {
        stream.write_all(&get(id, &fields)).unwrap();
    }
    let active = || https.api.metric(STREAMS);
    eventually(active, |active| *active == all);
    assert_eq!(next(RST_STREAM, &mut stream).unwrap(), REFUSED_STREAM);
    let counted = r#"http_requests_total{method="GET",route="/v0/wrpi/stream",status="200"}"#;
    eventually(|| https.api.metric(counted), |count| *count == all);
    drop(stream);
    eventually(active, |active| active == "0");
}
