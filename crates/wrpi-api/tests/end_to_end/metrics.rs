//! The metrics: what they count, and their bounded labels.

use std::time::Instant;

use wrpi_test::{Api, BODY, Connection, Redis, TIMESTAMP, VALUE, eventually, send};

use crate::support::frames::{DATA, code_of_end, frame};
use crate::support::https::Https;
use crate::support::metrics::samples;
use crate::support::socket::CONNECTIONS;

#[test]
fn has_every_metric_with_its_type() {
    let (api, _redis) = Api::start(&[]);
    let metrics = api.metrics();
    for (name, kind) in [
        ("http_requests_total", "counter"),
        ("http_request_duration_seconds", "histogram"),
        ("http_connections_active", "gauge"),
        ("http_connections_refused_total", "counter"),
        ("http_connections_evicted_total", "counter"),
        ("http_connections_closed_total", "counter"),
        ("wrpi_probes_total", "counter"),
        ("wrpi_value", "gauge"),
        ("wrpi_last_calculation_timestamp_seconds", "gauge"),
        ("wrpi_store_up", "gauge"),
        ("wrpi_store_reconnects_total", "counter"),
        ("wrpi_readings_received_total", "counter"),
        ("wrpi_readings_rejected_total", "counter"),
        ("wrpi_propagation_seconds", "histogram"),
        ("wrpi_auth_failures_total", "counter"),
        ("wrpi_auth_throttled_total", "counter"),
        ("wrpi_streams_active", "gauge"),
        ("wrpi_build_info", "gauge"),
        ("process_start_time_seconds", "gauge"),
        ("process_resident_memory_bytes", "gauge"),
        ("process_open_fds", "gauge"),
        ("process_max_fds", "gauge"),
        ("process_cpu_seconds_total", "counter"),
    ] {
        assert!(metrics.contains(&format!("\n# TYPE {name} {kind}\n")), "{name} in {metrics}");
    }
    let answer = send(&api.admin, "GET", "/metrics", &[]);
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4"));
    assert!(!metrics.contains("wrpi_tls_"), "metrics of a certificate that is not configured: {metrics}");
    let commit = option_env!("WRPI_COMMIT").unwrap_or("unknown");
    let labels = format!(r#"{{commit="{commit}",version="{}"}}"#, env!("CARGO_PKG_VERSION"));
    assert_eq!(samples(&api, "wrpi_build_info"), [(labels, "1".to_owned())]);
    for name in ["process_start_time_seconds", "process_resident_memory_bytes", "process_open_fds", "process_threads"] {
        assert!(api.metric(name).parse::<f64>().unwrap() > 0.0, "{name}");
    }
}

#[test]
fn counts_requests_by_labels_that_clients_cannot_invent() {
    let redis = Redis::start();
    let api = Api::follow(&redis, &[]);
    let began = Instant::now();
    let get = |target, headers: &[_]| api.send("GET", target, headers).status;
    assert_eq!(get("/v0/wrpi", &[]), 503);
    redis.write(VALUE, TIMESTAMP);
    api.becomes_ready();
    for _ in 0..3 {
        assert_eq!(get("/v0/wrpi", &[]), 200);
    }
    assert_eq!(get("/v0/wrpi?a=b", &[]), 200);
    assert_eq!(get("/v0/wrpi", &[("If-None-Match", "*")]), 304);
    for (method, target, status) in [
        ("GET", "/v0/wrpi", 401),
        ("HEAD", "/v0/wrpi", 401),
        ("GET", "/v0/wrpi/stream", 401),
        ("OPTIONS", "/v0/wrpi", 204),
        ("BREW", "/v0/wrpi", 405),
        ("DELETE", "/v0/wrpi", 405),
        ("GET", "/", 200),
        ("GET", "/V0/WRPI", 404),
        ("GET", "/v0/wrpi/", 404),
        ("GET", "/%76%30/wrpi", 404),
        ("X-1234567890", "/made/up", 404),
    ] {
        let preflight = [("Access-Control-Request-Method", "GET"), ("Origin", "https://app.example.com")];
        let headers = if method == "OPTIONS" { &preflight[..] } else { &[] };
        assert_eq!(send(&api.address, method, target, headers).status, status, "{method} {target}");
    }
    let expected = [
        ("GET", "/", 200, 1),
        ("GET", "/v0/wrpi", 200, 4),
        ("GET", "/v0/wrpi", 304, 1),
        ("GET", "/v0/wrpi", 401, 1),
        ("GET", "/v0/wrpi", 503, 1),
        ("GET", "/v0/wrpi/stream", 401, 1),
        ("GET", "other", 404, 3),
        ("HEAD", "/v0/wrpi", 401, 1),
        ("OPTIONS", "/v0/wrpi", 204, 1),
        ("OTHER", "/v0/wrpi", 405, 2),
        ("OTHER", "other", 404, 1),
    ];
    let expected = expected.map(|(method, route, status, count)| {
        (format!(r#"{{method="{method}",route="{route}",status="{status}"}}"#), count.to_string())
    });
    // Some series exist before the first request.
    let mut counted = samples(&api, "http_requests_total");
    counted.retain(|(_, count)| count != "0");
    assert_eq!(counted, expected);
    for (route, count) in [("/", "1"), ("/v0/wrpi", "11"), ("/v0/wrpi/stream", "1"), ("other", "4")] {
        let of_route = |part: &str, more: &str| {
            api.metric(&format!(r#"http_request_duration_seconds_{part}{{route="{route}"{more}}}"#))
        };
        assert_eq!(of_route("count", ""), count, "{route}");
        // The requests did not overlap.
        let seconds: f64 = of_route("sum", "").parse().unwrap();
        assert!(seconds > 0.0 && seconds < began.elapsed().as_secs_f64(), "{seconds}");
        for bound in ["0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "+Inf"] {
            assert!(of_route("bucket", &format!(r#",le="{bound}""#)).parse::<u32>().unwrap() <= 11);
        }
    }
    assert_eq!(api.metric("wrpi_auth_failures_total"), "3");
}

#[test]
fn counts_probes_by_route_and_status() {
    let redis = Redis::start();
    let api = Api::follow(&redis, &[]);
    let probe = |target| send(&api.admin, "GET", target, &[]).status;
    let counts = || {
        let of = |(route, status)| api.metric(&format!(r#"wrpi_probes_total{{route="{route}",status="{status}"}}"#));
        [("/livez", 200), ("/readyz", 200), ("/readyz", 503)].map(of)
    };
    assert_eq!(counts(), ["0", "0", "0"]);
    assert_eq!([probe("/livez"), probe("/readyz"), probe("/readyz"), probe("/other")], [200, 503, 503, 404]);
    assert_eq!(counts(), ["1", "0", "2"]);
    redis.write(VALUE, TIMESTAMP);
    api.serves(BODY);
    assert_eq!(probe("/readyz"), 200);
    assert_eq!(counts(), ["1", "1", "2"]);
}

#[test]
fn counts_connections_that_ended_in_an_error() {
    let https = Https::start(&[]);
    let errors = || https.api.metric(r#"http_connections_closed_total{listener="public",reason="error"}"#);
    let mut ended_well = https.open();
    assert_eq!(https.get(&mut ended_well).status, 200);
    drop(ended_well);
    eventually(|| https.api.metric(CONNECTIONS), |active| active == "0");
    assert_eq!(errors(), "0");
    const PROTOCOL_ERROR: u8 = 1;
    assert_eq!(code_of_end(https.connect_http2(), |_| frame(DATA, 0, 1, b"idle")), PROTOCOL_ERROR);
    eventually(errors, |count| count == "1");
    let mut not_tls = Connection::open(&https.address).unwrap();
    not_tls.write("not TLS\r\n\r\n").unwrap();
    not_tls.ends();
    eventually(errors, |count| count == "2");
}

#[test]
fn has_no_sample_of_a_reading_before_the_first_one() {
    let redis = Redis::start();
    let api = Api::follow(&redis, &[]);
    eventually(|| api.metric("wrpi_store_up"), |up| up == "1");
    let of_reading = ["wrpi_value", "wrpi_last_calculation_timestamp_seconds"];
    assert!(of_reading.iter().all(|name| samples(&api, name).is_empty()), "{}", api.metrics());
    assert_eq!(api.metric("wrpi_readings_received_total"), "0");

    redis.write(VALUE, TIMESTAMP);
    api.serves(BODY);
    assert_eq!(of_reading.map(|name| api.metric(name)), ["69.42", "1613844407"]);
    redis.write("0.001", "2026-11-23T20:53:24+0000");
    api.serves_value("0.001");
    assert_eq!(of_reading.map(|name| api.metric(name)), ["0.001", "1795467204"]);
    assert_eq!(api.metric("wrpi_readings_received_total"), "2");
    assert_eq!(api.metric("wrpi_propagation_seconds_count"), "2");
    let rejected = ["incomplete", "timestamp_unreadable", "value_not_decimal", "value_out_of_range"];
    let rejected = rejected.map(|reason| (format!(r#"{{reason="{reason}"}}"#), "0".to_owned()));
    assert_eq!(samples(&api, "wrpi_readings_rejected_total"), rejected);
    assert_eq!(api.metric("wrpi_store_reconnects_total"), "0");
}

#[test]
fn counts_fractions_of_a_second_of_cpu_time() {
    let (api, _redis) = Api::start(&[]);
    let seconds = || api.metric("process_cpu_seconds_total").parse::<f64>().unwrap();
    let first = seconds();
    assert!(first > 0.0);
    // The requests of this test use CPU time, far less than a second each.
    let next = eventually(seconds, |seconds| *seconds > first);
    assert!(first.fract() > 0.0 || next.fract() > 0.0, "{first}, {next}");
}

#[test]
fn counts_open_connections_by_listener() {
    let (api, _redis) = Api::start(&[]);
    let of = |listener: &str| api.metric(&format!(r#"http_connections_active{{listener="{listener}"}}"#));
    let mut open: Vec<_> = (0..3).map(|_| Connection::open(&api.address).unwrap()).collect();
    open.iter_mut().for_each(|connection| assert_eq!(connection.request("GET", "/", &[]).unwrap().status, 200));
    eventually(|| of("public"), |count| count == "3");
    // The connection of this request.
    eventually(|| of("admin"), |count| count == "1");
    drop(open);
    eventually(|| of("public"), |count| count == "0");
}
