//! HTTP/2 from hostile clients: the connection ends, and memory is bounded.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use wrpi_test::eventually;

use crate::support::frames::{
    DATA, INDEX, PING, RST_STREAM, authorized, begin, code_of_end, endless_head, frame, get, next, rapid_reset,
    requests_without_window, streams,
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

#[test]
fn closes_a_connection_that_floods_it_with_frames() {
    let https = Https::start(&[]);
    let before = https.api.service.resident_mib();
    for flood in [rapid_reset(), endless_head()] {
        for _ in 0..10 {
            assert_eq!(code_of_end(https.connect_http2(), |_| flood.clone()), ENHANCE_YOUR_CALM);
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
        // The pace of the pings, many times within the time-out.
        thread::sleep(Duration::from_millis(20));
    }
    assert!(began.elapsed() >= Duration::from_millis(1_900));
}

/// The client accepts no response on any stream and does not read the responses to its PINGs: nothing costs more.
#[test]
fn keeps_the_costliest_connection_within_the_memory_budget() {
    const MEASURED: u64 = 20;
    let https = Https::start(&[]);
    let pings = frame(PING, 0, 0, &[0; 8]).repeat(1_000);
    let hold = || {
        let mut stream = https.connect_http2();
        let max_streams = begin(&mut stream);
        stream.write_all(&requests_without_window(max_streams)).unwrap();
        // The server stops reading when it can send no more responses.
        stream.sock.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
        while stream.write_all(&pings).is_ok() {}
        stream
    };
    let hold_all = |count| {
        thread::scope(|scope| {
            let connections: Vec<_> = (0..count).map(|_| scope.spawn(hold)).collect();
            connections.into_iter().map(|connection| connection.join().unwrap()).collect::<Vec<_>>()
        })
    };
    // The first connections allocate what all share.
    let mut held = hold_all(5);
    let before = https.api.service.resident_kib();
    held.extend(hold_all(MEASURED));
    let each = https.api.service.resident_kib().saturating_sub(before) / MEASURED;
    assert!(each < BUDGET_KIB - KERNEL_KIB, "{each} KiB for each");
    assert_eq!(https.api.metric(CONNECTIONS), held.len().to_string());
}

#[test]
fn opens_no_more_streams_than_it_announces() {
    let https = Https::start(&[]);
    let fields = authorized(STREAM, &https.api.password);
    let mut stream = https.connect_http2();
    let max_streams = begin(&mut stream);
    assert!(max_streams <= 16, "{max_streams}");
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
