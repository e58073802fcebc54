//! Limits of connections and requests: a client beyond them gets a response or a closed connection.

use std::io::{ErrorKind, Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use wrpi_test::{Api, BODY, Connection, TIMESTAMP, VALUE, eventually, send};

use crate::support::cost;
use crate::support::frames;
use crate::support::https::Https;
use crate::support::socket::{CONNECTIONS, connect, request, send_without_reading, served};
use crate::support::stream::{event, next};

#[test]
fn refuses_connections_above_the_limit_but_not_on_the_admin_listener() {
    // The API notices at a heartbeat that a stream's client has left, and a short time-out means frequent heartbeats.
    let (api, _redis) = Api::start(&[("MAX_CONNECTIONS", "3"), ("IDLE_TIMEOUT", "2s")]);
    let refused = || api.metric(r#"http_connections_refused_total{listener="public"}"#).parse::<u32>().unwrap();
    let active = || api.metric(CONNECTIONS);
    eventually(active, |active| active == "0");
    let mut open: Vec<_> = (0..3).map(|_| api.stream(&[])).collect();
    let before = refused();
    for _ in 0..20 {
        Connection::open(&api.address).unwrap().ends();
        assert_eq!(send(&api.admin, "GET", "/readyz", &[]).status, 200);
    }
    eventually(|| (refused(), active()), |(refused, active)| *refused >= before + 20 && active == "3");
    assert_eq!(refused(), before + 20);
    assert!(open.iter_mut().all(|stream| stream.read_chunk().unwrap().is_some()));

    open.pop();
    eventually(|| served(&api), Option::is_some);
}

#[test]
fn evicts_unauthenticated_connections_and_keeps_streams() {
    let https = Https::start(&[("MAX_CONNECTIONS", "5"), ("PLAIN_HTTP", "serve")]);
    let api = &https.api;
    let evicted = || api.metric(r#"http_connections_evicted_total{listener="public"}"#).parse::<u32>().unwrap();
    eventually(|| api.metric(CONNECTIONS), |active| active == "0");
    let mut stream = api.stream(&[]);
    let mut trickling = Connection::open(&api.address).unwrap();
    trickling.write("GET / HTTP/1.1\r\n").unwrap();
    let mut held = https.connect_http2();
    held.write_all(&frames::opening()).unwrap();
    let mut silent = Connection::open(&api.address).unwrap();
    let mut asking = served(api).unwrap();
    let credentials = api.credentials();
    let headers = [("Authorization", credentials.as_str())];
    let mut new_client = || {
        // Use does not protect a connection: only the password does.
        let _evicted_already = asking.request("GET", "/", &[]);
        let mut connection = Connection::open(&api.address).unwrap();
        connection.request("GET", "/v0/wrpi", &headers).ok().map(|_| connection)
    };
    let mut new: Vec<_> = (0..4).map(|_| eventually(&mut new_client, Option::is_some).unwrap()).collect();
    assert_eq!(evicted(), 4);
    assert!(new.iter_mut().all(|connection| connection.request("GET", "/v0/wrpi", &headers).is_ok()));
    assert!(trickling.is_closed() && silent.is_closed() && asking.is_closed());
    assert_eq!(held.read_to_end(&mut Vec::new()).map_err(|error| error.kind()).err(), Some(ErrorKind::UnexpectedEof));
    https.redis.write("1.000", TIMESTAMP);
    for value in [VALUE, "1.000"] {
        assert_eq!(next(&mut stream), event(value));
    }
}

#[test]
fn closes_an_idle_connection_and_keeps_a_busy_one() {
    const IDLE_TIMEOUT: Duration = Duration::from_secs(2);
    let (api, _redis) = Api::start(&[("IDLE_TIMEOUT", "2s")]);
    let mut last_use = Instant::now();
    let mut busy = served(&api).unwrap();
    let mut resting = served(&api).unwrap();
    let mut silent = Connection::open(&api.address).unwrap();
    thread::scope(|scope| {
        let ended = scope.spawn(|| (resting.is_closed(), silent.is_closed()));
        while !ended.is_finished() {
            let asked = Instant::now();
            match busy.request("GET", "/", &[]) {
                Ok(answer) => assert_eq!(answer.status, 200),
                Err(error) => {
                    // The connection was idle if this thread did not run for that long.
                    assert!(last_use.elapsed() >= IDLE_TIMEOUT, "closed while in use: {error}");
                    busy = served(&api).unwrap();
                }
            }
            last_use = asked;
            // The pace of a client in use.
            thread::sleep(IDLE_TIMEOUT / 100);
        }
        assert_eq!(ended.join().unwrap(), (true, true));
    });
    let idle = r#"http_connections_closed_total{listener="public",reason="idle"}"#;
    assert!(api.metric(idle).parse::<u32>().unwrap() >= 2);
}

#[test]
fn refuses_a_head_that_is_too_large() {
    let (api, _redis) = Api::start(&[]);
    // The first line, `headers` headers with the Host, and the empty line have `size` bytes.
    let head = |target: &str, headers: usize, size: usize| {
        let start = format!("GET {target} HTTP/1.1\r\nHost: test\r\n{}X: ", "X: x\r\n".repeat(headers - 2));
        format!("{start}{}\r\n\r\n", "x".repeat(size.saturating_sub(start.len() + 4)))
    };
    let long = format!("/?{}", "x".repeat(17 << 10));
    for (target, headers, size, status) in [
        ("/", 2, 16_384, 200),
        ("/", 64, 0, 200),
        ("/", 2, 16_385, 431),
        ("/", 2, 100_000, 431),
        ("/", 65, 0, 431),
        (&long, 2, 0, 431),
    ] {
        let mut connection = Connection::open(&api.address).unwrap();
        // The API may not read everything.
        let _is_refused = connection.write(&head(target, headers, size));
        let answer = connection.read(true).unwrap();
        assert_eq!(answer.status, status, "{headers} headers, {size} bytes");
        if status == 431 {
            assert_eq!((answer.body.as_str(), answer.header("access-control-allow-origin")), ("", None));
            connection.ends();
        }
    }
}

#[test]
fn closes_the_connections_of_clients_that_read_no_response() {
    let (api, _redis) = Api::start(&[("IDLE_TIMEOUT", "2s")]);
    let requests = request(&api, "/v0/wrpi").repeat(100);
    let before = api.service.resident_mib();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let end = send_without_reading(&api.address, &requests);
                assert!(matches!(end, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{end}");
            });
        }
    });
    let grown = api.service.resident_mib().saturating_sub(before);
    assert!(grown < 8, "by {grown} MiB");
    assert_eq!(api.get().body, BODY);
}

/// The client sends the largest heads and reads no response: over plain HTTP, nothing costs more.
#[test]
fn keeps_the_costliest_plain_connection_within_the_memory_budget() {
    // The memory that the manifests budget for a plain connection, and the kernel's part of it.
    const BUDGET_KIB: u64 = 96;
    const KERNEL_KIB: u64 = 32;
    let (api, _redis) = Api::start(&[cost::THREADS]);
    let padded = format!("GET / HTTP/1.1\r\nHost: test\r\nX-Padding: {}\r\n\r\n", "x".repeat(15 * 1024));
    let requests = [request(&api, "/").repeat(200), padded.repeat(20)].concat();
    let each = cost::of_connection(&api, || {
        let mut stream = connect(&api.address);
        stream.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
        while stream.write_all(requests.as_bytes()).is_ok() {}
        stream
    });
    println!("{each} KiB each");
    assert!(each < BUDGET_KIB - KERNEL_KIB, "{each} KiB each");
}
