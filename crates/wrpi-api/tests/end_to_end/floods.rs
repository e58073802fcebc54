//! HTTP/2 from clients that mean no good: the connection ends, and memory is bounded.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use wrpi_test::eventually;

use crate::frames::{
    CONTINUATION, DATA, END_STREAM, GOAWAY, HEADERS, INDEX, PING, RST_STREAM, authorized, frame, get, next, opening,
    streams, window,
};
use crate::https::Https;

/// Codes that a stream or a connection ends with (RFC 9113, section 7).
const REFUSED_STREAM: [u8; 4] = [0, 0, 0, 7];
const NO_ERROR: u8 = 0;
const ENHANCE_YOUR_CALM: u8 = 11;

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

/// Begins with `frames`, and waits for the code that the connection ends with.
fn end_of(mut stream: impl Read + Write, frames: &[u8]) -> u8 {
    stream.write_all(&[&opening(), frames].concat()).unwrap();
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
            assert_eq!(end_of(https.open_http2(), &flood), ENHANCE_YOUR_CALM);
        }
    }
    let grown = https.api.service.resident_mib().saturating_sub(before);
    assert!(grown < 16, "by {grown} MiB");
}

#[test]
fn a_client_that_lets_no_answer_through_is_ended() {
    let https = Https::start(&[("IDLE_TIMEOUT", "2s")]);
    let requests = streams(32).flat_map(|stream| get(stream, INDEX)).collect();
    assert_eq!(end_of(https.open_http2(), &[window(0), requests].concat()), NO_ERROR);
    eventually(|| https.api.metric(r#"http_connections_active{listener="public"}"#), |active| active == "0");
}

#[test]
fn signs_of_life_do_not_keep_a_connection_that_asks_for_nothing() {
    let https = Https::start(&[("IDLE_TIMEOUT", "2s")]);
    let mut stream = https.open_http2();
    stream.write_all(&[opening(), get(1, INDEX)].concat()).unwrap();
    next(DATA, &mut stream).unwrap();
    let begin = Instant::now();
    let mut ping = || stream.write_all(&frame(PING, 0, 0, &[0; 8])).is_ok() && next(PING, &mut stream).is_ok();
    assert!(ping());
    while ping() {}
    assert!(begin.elapsed() >= Duration::from_secs(2));
}

/// 32 answers that are not taken, and signs of life whose answers are not read: no connection costs more than this.
#[test]
fn a_connection_at_its_worst_takes_no_more_than_the_manifests_reckon_with() {
    const CONNECTIONS: u64 = 20;
    let https = Https::start(&[]);
    let requests = streams(32).flat_map(|stream| get(stream, INDEX)).collect();
    let begin = [opening(), window(0), requests].concat();
    let pings = frame(PING, 0, 0, &[0; 8]).repeat(1_000);
    let hold = |_| {
        let mut stream = https.open_http2();
        stream.write_all(&begin).unwrap();
        stream.sock.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
        while stream.write_all(&pings).is_ok() {}
        stream
    };
    // The first ones pay for what all share.
    let mut held: Vec<_> = (0..5).map(hold).collect();
    let before = https.api.service.resident_kib();
    held.extend((0..CONNECTIONS).map(hold));
    // The kernel has the rest of 256 KiB: twice 16 KiB each way.
    let each = https.api.service.resident_kib().saturating_sub(before) / CONNECTIONS;
    assert!(each < 256 - 64, "{each} KiB for each");
    assert_eq!(https.api.metric(r#"http_connections_active{listener="public"}"#), held.len().to_string());
}

#[test]
fn a_connection_has_no_more_than_32_streams_at_once() {
    let https = Https::start(&[]);
    let fields = authorized("/v0/wrpi/stream", &https.api.password);
    let mut stream = https.open_http2();
    stream.write_all(&opening()).unwrap();
    for id in streams(150) {
        stream.write_all(&get(id, &fields)).unwrap();
    }
    let active = || https.api.metric("wrpi_streams_active");
    eventually(active, |active| active == "32");
    assert_eq!(next(RST_STREAM, &mut stream).unwrap(), REFUSED_STREAM);
    let counted = r#"http_requests_total{method="GET",route="/v0/wrpi/stream",status="200"}"#;
    eventually(|| https.api.metric(counted), |count| count == "32");
    drop(stream);
    eventually(active, |active| active == "0");
}
