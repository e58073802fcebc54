//! HTTP/2 from hostile clients: the connection ends, and memory is bounded.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use wrpi_test::eventually;

use crate::frames::{
    CONTINUATION, DATA, END_STREAM, GOAWAY, HEADERS, INDEX, PING, RST_STREAM, authorized, begin, frame, get, next,
    streams, window,
};
use crate::https::Https;

/// Codes that a stream or a connection ends with (RFC 9113, section 7).
const REFUSED_STREAM: [u8; 4] = [0, 0, 0, 7];
const NO_ERROR: u8 = 0;
const ENHANCE_YOUR_CALM: u8 = 11;
/// What the manifests budget for a connection, and the kernel's part in it.
const BUDGET_KIB: u64 = 160;
const KERNEL_KIB: u64 = 32;

/// Requests that are taken back at once (CVE-2023-44487).
fn rapid_reset() -> Vec<u8> {
    let cancel = 8_u32.to_be_bytes();
    streams(1_000).flat_map(|stream| [get(stream, INDEX), frame(RST_STREAM, 0, stream, &cancel)].concat()).collect()
}

/// A head that never ends (CVE-2024-27316).
fn endless_head() -> Vec<u8> {
    let field = [b"\0\x01x\x64".as_slice(), &[b'x'; 100]].concat();
    let more = frame(CONTINUATION, 0, 1, &field.repeat(100));
    [frame(HEADERS, END_STREAM, 1, INDEX), more.repeat(8)].concat()
}

/// As many requests at once as the server accepts, whose answers it may not send.
fn requests_without_window(max_streams: u32) -> Vec<u8> {
    [window(0), streams(max_streams).flat_map(|stream| get(stream, INDEX)).collect()].concat()
}

/// Sends what `frames` makes of the number of streams that the server accepts, and waits for the code that the
/// connection ends with.
fn end_of(mut stream: impl Read + Write, frames: impl Fn(u32) -> Vec<u8>) -> u8 {
    let max_streams = begin(&mut stream);
    stream.write_all(&frames(max_streams)).unwrap();
    let payload = next(GOAWAY, &mut stream).unwrap();
    let _rest = stream.read_to_end(&mut Vec::new());
    payload[7]
}

#[test]
fn a_flood_of_frames_ends_its_connection() {
    let https = Https::start(&[]);
    let before = https.api.service.resident_mib();
    for flood in [rapid_reset(), endless_head()] {
        for _ in 0..10 {
            assert_eq!(end_of(https.open_http2(), |_| flood.clone()), ENHANCE_YOUR_CALM);
        }
    }
    let grown = https.api.service.resident_mib().saturating_sub(before);
    assert!(grown < 16, "by {grown} MiB");
}

#[test]
fn a_client_that_lets_no_answer_through_is_ended() {
    let https = Https::start(&[("IDLE_TIMEOUT", "2s")]);
    assert_eq!(end_of(https.open_http2(), requests_without_window), NO_ERROR);
    eventually(|| https.api.metric(r#"http_connections_active{listener="public"}"#), |active| active == "0");
}

#[test]
fn signs_of_life_do_not_keep_a_connection_that_asks_for_nothing() {
    let https = Https::start(&[("IDLE_TIMEOUT", "2s")]);
    let mut stream = https.open_http2();
    let began = Instant::now();
    begin(&mut stream);
    stream.write_all(&get(1, INDEX)).unwrap();
    next(DATA, &mut stream).unwrap();
    let mut ping = || stream.write_all(&frame(PING, 0, 0, &[0; 8])).is_ok() && next(PING, &mut stream).is_ok();
    assert!(ping());
    while ping() {}
    assert!(began.elapsed() >= Duration::from_millis(1_900));
}

/// Answers on every stream that are not accepted, and PINGs whose answers are not read: the most that a connection can
/// cost.
#[test]
fn a_connection_at_its_worst_takes_no_more_than_the_manifests_budget() {
    const CONNECTIONS: u64 = 20;
    let https = Https::start(&[]);
    let pings = frame(PING, 0, 0, &[0; 8]).repeat(1_000);
    let hold = |_| {
        let mut stream = https.open_http2();
        let max_streams = begin(&mut stream);
        stream.write_all(&requests_without_window(max_streams)).unwrap();
        stream.sock.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
        while stream.write_all(&pings).is_ok() {}
        stream
    };
    // The first ones pay for what all share.
    let mut held: Vec<_> = (0..5).map(hold).collect();
    let before = https.api.service.resident_kib();
    held.extend((0..CONNECTIONS).map(hold));
    let each = https.api.service.resident_kib().saturating_sub(before) / CONNECTIONS;
    assert!(each < BUDGET_KIB - KERNEL_KIB, "{each} KiB for each");
    assert_eq!(https.api.metric(r#"http_connections_active{listener="public"}"#), held.len().to_string());
}

#[test]
fn a_connection_has_no_more_streams_at_once_than_it_was_promised() {
    let https = Https::start(&[]);
    let fields = authorized("/v0/wrpi/stream", &https.api.password);
    let mut stream = https.open_http2();
    let max_streams = begin(&mut stream);
    assert!(max_streams <= 16, "{max_streams}");
    let all = max_streams.to_string();
    for id in streams(max_streams + 100) {
        stream.write_all(&get(id, &fields)).unwrap();
    }
    let active = || https.api.metric("wrpi_streams_active");
    eventually(active, |active| *active == all);
    assert_eq!(next(RST_STREAM, &mut stream).unwrap(), REFUSED_STREAM);
    let counted = r#"http_requests_total{method="GET",route="/v0/wrpi/stream",status="200"}"#;
    eventually(|| https.api.metric(counted), |count| *count == all);
    drop(stream);
    eventually(active, |active| active == "0");
}
