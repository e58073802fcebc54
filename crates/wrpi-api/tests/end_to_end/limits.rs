//! Limits of connections and requests: each ends in a clear answer or a closed connection.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use wrpi_test::{Connection, PATIENCE, basic, eventually, send};

use crate::api::{Api, BODY, TIMESTAMP, VALUE};
use crate::frames;
use crate::https::Https;
use crate::stream::event;

/// A connection that has been served once.
fn served(api: &Api) -> Option<Connection> {
    let mut connection = Connection::open(&api.address).unwrap();
    connection.request("GET", "/", &[]).ok().map(|_| connection)
}

#[test]
fn above_the_limit_connections_are_closed_and_the_admin_listener_goes_on() {
    let (api, _redis) = Api::start(&[("MAX_CONNECTIONS", "3")]);
    let refused = || api.metric(r#"http_connections_refused_total{listener="public"}"#).parse::<u32>().unwrap();
    let active = || api.metric(r#"http_connections_active{listener="public"}"#);
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
fn strangers_make_room_for_who_has_the_password_and_streams_stay() {
    let https = Https::start(&[("MAX_CONNECTIONS", "5"), ("PLAIN_HTTP", "serve")]);
    let api = &https.api;
    let evicted = || api.metric(r#"http_connections_evicted_total{listener="public"}"#).parse::<u32>().unwrap();
    eventually(|| api.metric(r#"http_connections_active{listener="public"}"#), |active| active == "0");
    let mut stream = api.stream(&[]);
    let mut trickling = Connection::open(&api.address).unwrap();
    trickling.write("GET / HTTP/1.1\r\n").unwrap();
    let mut held = https.open_http2();
    held.write_all(&frames::opening()).unwrap();
    let mut silent = Connection::open(&api.address).unwrap();
    let mut asking = served(api).unwrap();
    let credentials = basic(&format!("any:{}", api.password));
    let headers = [("Authorization", credentials.as_str())];
    let mut newcomer = || {
        // The last of the strangers to go may be gone already.
        let _ = asking.request("GET", "/", &[]);
        let mut connection = Connection::open(&api.address).unwrap();
        connection.request("GET", "/v0/wrpi", &headers).ok().map(|_| connection)
    };
    let mut new: Vec<_> = (0..4).map(|_| eventually(&mut newcomer, Option::is_some).unwrap()).collect();
    assert_eq!(evicted(), 4);
    assert!(new.iter_mut().all(|connection| connection.request("GET", "/v0/wrpi", &headers).is_ok()));
    assert!(trickling.is_closed() && silent.is_closed() && asking.is_closed());
    assert_eq!(held.read_to_end(&mut Vec::new()).map_err(|error| error.kind()).err(), Some(ErrorKind::UnexpectedEof));
    https.redis.write("1.000", TIMESTAMP);
    for value in [VALUE, "1.000"] {
        assert_eq!(stream.read_chunk().unwrap().unwrap(), event(value));
    }
}

#[test]
fn a_connection_at_rest_is_closed_and_one_in_use_is_not() {
    const IDLE_TIMEOUT: Duration = Duration::from_secs(2);
    let (api, _redis) = Api::start(&[("IDLE_TIMEOUT", "2s")]);
    let mut last_use = Instant::now();
    let mut busy = served(&api).unwrap();
    let mut resting = served(&api).unwrap();
    let mut silent = Connection::open(&api.address).unwrap();
    std::thread::scope(|scope| {
        let ended = scope.spawn(|| (resting.is_closed(), silent.is_closed()));
        while !ended.is_finished() {
            let asked = Instant::now();
            match busy.request("GET", "/", &[]) {
                Ok(answer) => assert_eq!(answer.status, 200),
                Err(error) => {
                    // If this thread did not run for that long, the connection was idle.
                    assert!(last_use.elapsed() >= IDLE_TIMEOUT, "closed while in use: {error}");
                    busy = served(&api).unwrap();
                }
            }
            last_use = asked;
        }
        assert_eq!(ended.join().unwrap(), (true, true));
    });
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let (api, _redis) = Api::start(&[]);
    let (fits, too_large) = ("x".repeat(15 * 1024), "x".repeat(17 * 1024));
    assert_eq!(api.send("GET", "/v0/wrpi", &[("X-Padding", &fits)]).body, BODY);
    let many = |number| vec![("X-Padding", "x"); number];
    assert_eq!(api.send("GET", "/v0/wrpi", &many(60)).body, BODY);
    let target = format!("/{too_large}");
    for (target, headers) in
        [("/v0/wrpi", vec![("X-Padding", too_large.as_str())]), ("/v0/wrpi", many(100)), (&target, vec![])]
    {
        let mut connection = Connection::open(&api.address).unwrap();
        assert_eq!(connection.request("GET", target, &headers).unwrap().status, 431);
        connection.ends();
    }
}

#[test]
fn a_client_that_never_reads_is_ended_and_costs_no_memory() {
    let (api, _redis) = Api::start(&[("IDLE_TIMEOUT", "500ms")]);
    let credentials = basic(&format!("any:{}", api.password));
    let requests = format!("GET /v0/wrpi HTTP/1.1\r\nHost: test\r\nAuthorization: {credentials}\r\n\r\n").repeat(100);
    let before = api.service.resident_mib();
    let ends: Vec<_> = std::thread::scope(|scope| {
        let send = || {
            let mut stream = TcpStream::connect(&api.address).unwrap();
            stream.set_write_timeout(Some(PATIENCE)).unwrap();
            loop {
                if let Err(error) = stream.write_all(requests.as_bytes()) {
                    return error.kind();
                }
            }
        };
        let clients: Vec<_> = (0..8).map(|_| scope.spawn(send)).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    for end in ends {
        assert!(matches!(end, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{end}");
    }
    let grown = api.service.resident_mib().saturating_sub(before);
    assert!(grown < 16, "by {grown} MiB");
    assert_eq!(api.get().body, BODY);
}

/// What the manifests budget for a connection without TLS, and the kernel's part in it.
const BUDGET_KIB: u64 = 96;
const KERNEL_KIB: u64 = 32;

/// Requests whose heads are as large as they may be, and whose answers are not read.
#[test]
fn a_plain_connection_at_its_worst_takes_no_more_than_the_manifests_budget() {
    const CONNECTIONS: u64 = 100;
    let (api, _redis) = Api::start(&[]);
    let padding = "x".repeat(15 * 1024);
    let request = |padding: &str| format!("GET / HTTP/1.1\r\nHost: test\r\nX-Padding: {padding}\r\n\r\n");
    let requests = [request("").repeat(200), request(&padding).repeat(20)].concat();
    let hold = |_| {
        let mut stream = TcpStream::connect(&api.address).unwrap();
        stream.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
        while stream.write_all(requests.as_bytes()).is_ok() {}
        stream
    };
    let mut held: Vec<_> = (0..5).map(hold).collect();
    let before = api.service.resident_kib();
    held.extend((0..CONNECTIONS).map(hold));
    let each = api.service.resident_kib().saturating_sub(before) / CONNECTIONS;
    assert!(each < BUDGET_KIB - KERNEL_KIB, "{each} KiB for each");
}
