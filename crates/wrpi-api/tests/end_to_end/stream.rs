//! Readings as server-sent events: `GET /v0/wrpi/stream`.

use std::io::{Read, Write};
use std::thread::sleep;
use std::time::{Duration, Instant};

use socket2::SockRef;
use tokio_rustls::rustls::version::TLS13;
use wrpi_test::{Api, BODY, Connection, PATIENCE, Redis, TIMESTAMP, VALUE, eventually, send};

use crate::support::feed::NO_HEARTBEAT;
use crate::support::frames::{self, authorized};
use crate::support::https::Https;
use crate::support::socket::{CONNECTIONS, connect, connect_with_small_buffer, request};
use crate::support::stream::{ETAG, STREAM, STREAMS, Writer, event, next};

#[test]
fn forbids_caches_and_proxies_to_keep_events() {
    let (api, _redis) = Api::start(&[]);
    let answer = api.send("GET", STREAM, &[]);
    assert_eq!(answer.status, 200);
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-store, no-transform"),
        ("access-control-allow-origin", "*"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("x-accel-buffering", "no"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
}

#[test]
fn sends_the_latest_reading_at_once_and_then_each_new_one() {
    let (api, redis) = Api::start(&[NO_HEARTBEAT]);
    let mut streams = [api.stream(&[]), api.stream(&[])];
    assert_eq!(api.get().header("etag"), Some(ETAG), "the ID of the event");
    for value in [VALUE, "1.000", "2.000"] {
        if value != VALUE {
            redis.write(value, TIMESTAMP);
        }
        streams.iter_mut().for_each(|stream| assert_eq!(next(stream), event(value)));
    }
}

#[test]
fn sends_a_returning_client_only_a_reading_that_it_does_not_have() {
    let (api, redis) = Api::start(&[]);
    let mut stale = api.stream(&[("Last-Event-ID", "\"1.000-1613844407\"")]);
    assert_eq!(next(&mut stale), event(VALUE));
    let mut current = api.stream(&[("Last-Event-ID", ETAG)]);
    redis.write("1.000", TIMESTAMP);
    assert_eq!(next(&mut current), event("1.000"));
}

#[test]
fn answers_preflights_and_errors_for_a_listed_origin() {
    let origin = ("Origin", "https://app.example.com");
    let redis = Redis::start();
    let api = Api::follow(&redis, &[("CORS_ALLOWED_ORIGINS", origin.1)]);
    let preflight = [
        origin,
        ("Access-Control-Request-Method", "GET"),
        ("Access-Control-Request-Headers", "authorization,last-event-id"),
    ];
    for (answer, status) in [
        (send(&api.address, "OPTIONS", STREAM, &preflight), 204),
        (api.send("GET", STREAM, &[origin]), 503),
        (send(&api.address, "GET", STREAM, &[origin]), 401),
        (api.send("POST", STREAM, &[origin, ("Content-Length", "0")]), 405),
    ] {
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (status, Some(origin.1)));
    }
}

#[test]
fn counts_open_streams() {
    // The API notices at a heartbeat that a client has left, and a short time-out means frequent heartbeats.
    let (api, _redis) = Api::start(&[("IDLE_TIMEOUT", "2s")]);
    let streams = [api.stream(&[]), api.stream(&[])];
    assert_eq!(api.metric(STREAMS), "2");
    assert_eq!(api.send("HEAD", STREAM, &[]).status, 200);
    assert_eq!(api.metric(STREAMS), "2");
    drop(streams);
    eventually(|| api.metric(STREAMS), |active| active == "0");
}

#[test]
fn ends_streams_regularly_when_it_stops() {
    let (mut api, _redis) = Api::start(&[]);
    let mut streams = [api.stream(&[]), api.stream(&[])];
    streams.iter_mut().for_each(|stream| assert_eq!(next(stream), event(VALUE)));
    api.service.terminate();
    for stream in &mut streams {
        assert_eq!(stream.read_chunk().unwrap(), None, "the end of the body");
        assert!(stream.is_closed());
    }
    assert_eq!(api.service.wait().code(), Some(0));
    assert_eq!(api.service.count_logged("closing connections that did not end in time"), 0);
}

#[test]
fn does_not_close_a_quiet_stream_as_idle() {
    const IDLE_TIMEOUT: Duration = Duration::from_millis(1_500);
    const HEARTBEAT: Duration = Duration::from_millis(500);
    const ENOUGH: u32 = 5;
    let (api, _redis) = Api::start(&[("IDLE_TIMEOUT", "1500ms")]);
    let began = Instant::now();
    loop {
        let start = Instant::now();
        let mut stream = api.stream(&[]);
        assert_eq!(next(&mut stream), event(VALUE));
        let mut received = 0;
        while received < ENOUGH && matches!(stream.read_chunk(), Ok(Some(part)) if part == ":\n\n") {
            received += 1;
        }
        if received == ENOUGH {
            return;
        }
        // A stream is idle if the API did not run for that long after it had sent a heartbeat. Try again.
        let earliest = HEARTBEAT * received + IDLE_TIMEOUT;
        assert!(start.elapsed() >= earliest, "closed {:?} after its start", start.elapsed());
        assert!(began.elapsed() < PATIENCE, "the API never ran for long enough");
    }
}

#[test]
fn keeps_clients_that_do_not_read_from_delaying_others_or_using_memory() {
    let https = Https::start(&[("PLAIN_HTTP", "serve"), NO_HEARTBEAT]);
    let api = &https.api;
    let fields = authorized(STREAM, &api.password);
    let mut stuck = https.connect_http2();
    let held = frames::begin(&mut stuck);
    let requests = frames::streams(held).flat_map(|id| frames::get(id, &fields)).collect();
    stuck.write_all(&[frames::window(0), requests].concat()).unwrap();
    eventually(|| api.metric(STREAMS), |active| *active == held.to_string());
    let mut reader = api.stream(&[]);
    assert_eq!(next(&mut reader), event(VALUE));

    let mut writer = Writer::connect(&https.redis);
    let before = api.service.resident_mib();
    let values: Vec<_> = (0..1_000).map(|n| format!("1.{n:03}")).collect();
    for (second, value) in (0..).zip(&values) {
        writer.write(value, second);
        assert!(next(&mut reader).contains(&format!(":{value},")));
    }
    let grown = api.service.resident_mib().saturating_sub(before);
    assert!(grown < 8, "by {grown} MiB");

    // Each stream gets its first event, which it could not send, and then the latest, but none in between.
    stuck.write_all(&frames::window(65_535)).unwrap();
    let events: Vec<_> =
        (0..2 * held).map(|_| String::from_utf8(frames::next(frames::DATA, &mut stuck).unwrap()).unwrap()).collect();
    let latest = events.iter().filter(|event| event.contains(":1.999,"));
    assert_eq!(latest.count() as u32, held);
}

#[test]
fn sends_slow_http1_clients_whole_events_and_the_latest_last() {
    let https = Https::start(&[("PLAIN_HTTP", "serve"), NO_HEARTBEAT]);
    let api = &https.api;
    let plain = || Connection::over(connect_with_small_buffer(&api.address));
    let tcp = connect_with_small_buffer(&https.address);
    let tls = Connection::over(https.connect_over(tcp, https.client(&[&TLS13], &["http/1.1"])));
    let mut slow: Vec<_> = (0..40).map(|_| plain()).chain([tls]).collect();
    for connection in &mut slow {
        connection.write(&request(api, STREAM)).unwrap();
    }
    eventually(|| api.metric(STREAMS), |active| *active == slow.len().to_string());
    let mut reader = api.stream(&[]);
    assert_eq!(next(&mut reader), event(VALUE));

    let mut writer = Writer::connect(&https.redis);
    let mut sent = vec![event(VALUE)];
    for second in 0..600 {
        writer.write(&format!("1.{second:03}"), second);
        sent.push(next(&mut reader));
    }
    for connection in &mut slow {
        assert_eq!(connection.read(false).unwrap().status, 200);
        let (mut received, mut unseen) = (0, sent.iter());
        while unseen.len() > 0 {
            let event = next(connection);
            assert!(unseen.any(|sent| *sent == event), "{event} is damaged or not newer than the one before");
            received += 1;
        }
        assert!(received < sent.len(), "all events fit into buffers, so no write was blocked");
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
