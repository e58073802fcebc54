//! Readings as they come: `GET /v0/wrpi/stream`.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use wrpi_test::{Connection, Redis, eventually, send};

use crate::api::{Api, BODY, TIMESTAMP, VALUE};
use crate::frames::{self, authorized};
use crate::https::Https;

const STREAM: &str = "/v0/wrpi/stream";
const ETAG: &str = "\"69.420-1613844407\"";
const ACTIVE: &str = "wrpi_streams_active";

/// The event with `value` of the time [`TIMESTAMP`].
pub(crate) fn event(value: &str) -> String {
    format!("event: wrpi\nid: {}\ndata: {}\n\n", ETAG.replace(VALUE, value), BODY.replace(VALUE, value))
}

fn next(stream: &mut Connection) -> String {
    stream.read_chunk().unwrap().expect("an event")
}

#[test]
fn no_cache_and_no_proxy_keeps_it() {
    let (api, _redis) = Api::start(&[]);
    let answer = api.send("GET", STREAM, &[]);
    assert_eq!(answer.status, 200);
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-store, no-transform"),
        ("access-control-allow-origin", "*"),
        ("x-content-type-options", "nosniff"),
        ("x-accel-buffering", "no"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
}

#[test]
fn the_latest_reading_comes_at_once_and_each_new_one_as_it_is_there() {
    let (api, redis) = Api::start(&[("REDIS_HEARTBEAT", "60m")]);
    let mut streams = [api.stream(&[]), api.stream(&[])];
    assert_eq!(api.get().header("etag"), Some(ETAG), "the id of the event");
    for value in [VALUE, "1.000", "2.000"] {
        if value != VALUE {
            redis.write(value, TIMESTAMP);
        }
        streams.iter_mut().for_each(|stream| assert_eq!(next(stream), event(value)));
    }
}

#[test]
fn a_client_that_comes_back_is_not_sent_what_it_has() {
    let (api, redis) = Api::start(&[]);
    let mut stale = api.stream(&[("Last-Event-ID", "\"1.000-1613844407\"")]);
    assert_eq!(next(&mut stale), event(VALUE));
    let mut current = api.stream(&[("Last-Event-ID", ETAG)]);
    redis.write("1.000", TIMESTAMP);
    assert_eq!(next(&mut current), event("1.000"));
}

#[test]
fn it_is_guarded_like_the_reading() {
    let origin = "https://app.example.com";
    let redis = Redis::start();
    let api = Api::follow(&redis, &[("CORS_ALLOWED_ORIGINS", origin)]);
    let unavailable = api.send("GET", STREAM, &[("Origin", origin)]);
    assert_eq!((unavailable.status, unavailable.header("retry-after")), (503, Some("5")));
    let forbidden = send(&api.address, "GET", STREAM, &[("Origin", origin)]);
    assert_eq!((forbidden.status, forbidden.header("www-authenticate").is_some()), (401, true));
    let preflight = [
        ("Origin", origin),
        ("Access-Control-Request-Method", "GET"),
        ("Access-Control-Request-Headers", "authorization,last-event-id"),
    ];
    let preflight = send(&api.address, "OPTIONS", STREAM, &preflight);
    assert!(preflight.header("access-control-allow-headers").unwrap().contains("last-event-id"));
    for answer in [unavailable, forbidden, preflight] {
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
    }
    assert_eq!(api.send("POST", STREAM, &[("Content-Length", "0")]).status, 405);
}

#[test]
fn open_streams_are_counted_and_one_that_its_client_left_is_not() {
    let (api, _redis) = Api::start(&[]);
    let streams = [api.stream(&[]), api.stream(&[])];
    assert_eq!(api.metric(ACTIVE), "2");
    assert_eq!(api.send("HEAD", STREAM, &[]).status, 200);
    assert_eq!(api.metric(ACTIVE), "2");
    drop(streams);
    eventually(|| api.metric(ACTIVE), |active| active == "0");
}

#[test]
fn streams_end_in_order_when_it_stops() {
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
fn a_quiet_stream_is_no_connection_at_rest() {
    let (api, redis) = Api::start(&[("IDLE_TIMEOUT", "300ms")]);
    let mut stream = api.stream(&[]);
    assert_eq!(next(&mut stream), event(VALUE));
    for _ in 0..20 {
        assert_eq!(next(&mut stream), ":\n\n");
    }
    redis.write("1.000", TIMESTAMP);
    while next(&mut stream) != event("1.000") {}
}

#[test]
fn clients_that_do_not_read_hold_nobody_up_and_cost_no_memory() {
    let https = Https::start(&[("PLAIN_HTTP", "serve"), ("REDIS_HEARTBEAT", "60m")]);
    let api = &https.api;
    let fields = authorized(STREAM, &api.password);
    let mut stuck = https.open_http2();
    let held = frames::begin(&mut stuck);
    let requests = frames::streams(held).flat_map(|id| frames::get(id, &fields)).collect();
    stuck.write_all(&[frames::window(0), requests].concat()).unwrap();
    eventually(|| api.metric(ACTIVE), |active| *active == held.to_string());
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

    // Each was held by its first event; the next is the latest, and none of those between.
    stuck.write_all(&frames::window(65_535)).unwrap();
    let events: Vec<_> =
        (0..2 * held).map(|_| String::from_utf8(frames::next(frames::DATA, &mut stuck).unwrap()).unwrap()).collect();
    for value in [VALUE, "1.999"] {
        let of_value = events.iter().filter(|event| event.contains(&format!(":{value},")));
        assert_eq!(of_value.count() as u32, held, "{value}");
    }
}

/// Writes readings faster than by a `redis-cli` for each.
struct Writer(BufReader<TcpStream>);

impl Writer {
    fn connect(redis: &Redis) -> Self {
        Self(BufReader::new(TcpStream::connect(("127.0.0.1", redis.port())).unwrap()))
    }

    fn write(&mut self, value: &str, second: u32) {
        // Both keys change: for the other half of a pair the feed would wait.
        let time = format!("2021-02-20T18:{:02}:{:02}", second / 60 % 60, second % 60);
        let command = format!("MSET wrpi-latest {value} wrpi-timestamp {time}\r\n");
        self.0.get_mut().write_all(command.as_bytes()).unwrap();
        let mut answer = String::new();
        self.0.read_line(&mut answer).unwrap();
        assert_eq!(answer, "+OK\r\n");
    }
}
