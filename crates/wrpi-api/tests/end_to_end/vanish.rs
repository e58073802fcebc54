//! Clients that disappear: nothing from them arrives, no acknowledgment and no end. One test waits for all of them at
//! once, because the kernel needs up to 30 seconds.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use wrpi_test::{Api, BODY, Connection, TIMESTAMP, VALUE, eventually, set_deaf};

use crate::support::frames::{self, authorized};
use crate::support::https::Https;
use crate::support::socket::{CONNECTIONS, connect, connect_with_small_buffer, request};
use crate::support::stream::{STREAM, STREAMS, event, next};

/// After this time a client that has disappeared is gone, and what a busy machine may add.
const PROMISE: Duration = Duration::from_secs(30);
const SLACK: Duration = Duration::from_secs(10);

/// A connection that has received the beginning of the response to `request`.
fn answered(mut stream: TcpStream, request: &str) -> TcpStream {
    stream.write_all(request.as_bytes()).unwrap();
    assert_eq!(Connection::over(stream.try_clone().unwrap()).read(false).unwrap().status, 200);
    stream
}

/// A connection whose client has sent many requests and reads no response, so that no more can be sent to it.
fn stuck(api: &Api) -> TcpStream {
    let mut stream = connect_with_small_buffer(&api.address);
    stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let requests = request(api, "/v0/wrpi").repeat(100);
    while stream.write_all(requests.as_bytes()).is_ok() {}
    stream
}

#[test]
fn frees_the_places_of_clients_that_vanish_and_of_no_other() {
    // The idle timer ends none of them.
    let https = Https::start(&[("PLAIN_HTTP", "serve"), ("IDLE_TIMEOUT", "1h")]);
    let api = &https.api;
    let tls = |protocol, bytes: &[u8]| {
        let mut stream = if protocol == "h2" { https.connect_http2() } else { https.connect_http1() };
        stream.write_all(bytes).unwrap();
        stream
    };
    let http2 = |path| [frames::opening(), frames::get(1, &authorized(path, &api.password))].concat();
    let mut streams = [tls("http/1.1", request(api, STREAM).as_bytes()), tls("h2", &http2(STREAM))];
    assert_eq!(frames::next(frames::DATA, &mut streams[1]).unwrap(), event(VALUE).into_bytes());
    let idle = [tls("http/1.1", request(api, "/v0/wrpi").as_bytes()), tls("h2", &http2("/v0/wrpi"))];
    let mut vanishing = vec![
        answered(connect(&api.address), &request(api, STREAM)),
        answered(connect(&api.address), &request(api, "/v0/wrpi")),
        stuck(api),
    ];
    let clone = |stream: &TcpStream| stream.try_clone().unwrap();
    vanishing.extend(streams.iter().chain(&idle).map(|stream| clone(&stream.sock)));
    let of_admin = answered(connect(&api.admin), &request(api, "/livez"));

    let mut alive = [Connection::open(&api.address).unwrap(), api.stream(&[])];
    let credentials = api.credentials();
    let get = |connection: &mut Connection| {
        connection.request("GET", "/v0/wrpi", &[("Authorization", &credentials)]).unwrap().body
    };
    assert_eq!(get(&mut alive[0]), BODY);
    // A client that is there, but reads nothing although much waits for it: the kernel ends it too.
    let there = stuck(api);
    eventually(|| api.metric(STREAMS), |active| active == "4");
    assert_eq!(api.metric(CONNECTIONS), (vanishing.len() + alive.len() + 1).to_string());

    vanishing.iter().chain([&of_admin]).for_each(|stream| set_deaf(stream, true));
    let vanished = Instant::now();
    let unacknowledged = |listener: &str| {
        api.metric(&format!(r#"http_connections_closed_total{{listener="{listener}",reason="unacknowledged"}}"#))
    };
    eventually(
        || (unacknowledged("public"), unacknowledged("admin")),
        |counts| *counts == ((vanishing.len() + 1).to_string(), "1".to_owned()),
    );
    let elapsed = vanished.elapsed();
    assert!(elapsed < PROMISE + SLACK, "{elapsed:?}");
    assert_eq!((api.metric(CONNECTIONS), api.metric(STREAMS)), (alive.len().to_string(), "1".to_owned()));

    // Those that acknowledge stay, whether they send or not.
    assert_eq!(get(&mut alive[0]), BODY);
    https.redis.write("1.000", TIMESTAMP);
    while next(&mut alive[1]) != event("1.000") {}
    drop(there);
}
