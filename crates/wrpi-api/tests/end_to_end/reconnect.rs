//! Clients that lose their connections at the limit and reconnect at once.

use std::any::Any;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use wrpi_test::{Api, Connection, TIMESTAMP, VALUE, eventually};

use crate::support::frames::{self, authorized};
use crate::support::https::Https;
use crate::support::socket::{CONNECTIONS, HALF_CLOSED, connect, connect_with_small_buffer, request, served, shut};
use crate::support::stream::{STREAM, STREAMS, event, next};

/// Streams of each kind.
const EACH: usize = 20;
const EVICTED: &str = r#"http_connections_evicted_total{listener="public"}"#;
const REFUSED: &str = r#"http_connections_refused_total{listener="public"}"#;

/// A stream that has received its first event: its socket, and the rest of the client.
type Stream = (TcpStream, Box<dyn Any>);

/// Opens streams over plain HTTP/1.1, over TLS and over HTTP/2. All connect before the first one sends its request, as when
/// many clients reconnect at once.
fn open(https: &Https) -> Vec<Stream> {
    let api = &https.api;
    let plain: Vec<_> = (0..EACH).map(|_| connect(&api.address)).collect();
    let tls: Vec<_> = (0..EACH).map(|_| https.connect_http1()).collect();
    let mut http2: Vec<_> = (0..EACH).map(|_| https.connect_http2()).collect();
    let socket = |stream: &TcpStream| stream.try_clone().unwrap();
    let plain = plain.into_iter().map(|stream| (socket(&stream), Connection::over(stream)));
    let mut http1: Vec<_> =
        plain.chain(tls.into_iter().map(|stream| (socket(&stream.sock), Connection::over(stream)))).collect();
    let asked = request(api, STREAM);
    http1.iter_mut().for_each(|(_, stream)| stream.write(&asked).unwrap());
    let opening = [frames::opening(), frames::get(1, &authorized(STREAM, &api.password))].concat();
    http2.iter_mut().for_each(|stream| stream.write_all(&opening).unwrap());
    for (_, stream) in &mut http1 {
        assert_eq!(stream.read(false).unwrap().status, 200);
        assert_eq!(next(stream), event(VALUE));
    }
    for stream in &mut http2 {
        assert_eq!(frames::next(frames::DATA, stream).unwrap(), event(VALUE).into_bytes());
    }
    let boxed = http1.into_iter().map(|(socket, stream)| (socket, Box::new(stream) as Box<dyn Any>));
    boxed.chain(http2.into_iter().map(|stream| (socket(&stream.sock), Box::new(stream) as _))).collect()
}

/// Waits until the kernel has passed on the ends of all connections. A busy machine may do that after a later connection.
fn ends_have_arrived(https: &Https) {
    let port = |address: &str| format!(":{:04X}", address.rsplit_once(':').unwrap().1.parse::<u16>().unwrap());
    let ports = [port(&https.api.address), port(&https.address)];
    // The fields of a line are its number, the local address, the remote address and the state; 01 is "established".
    let open = || {
        let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let fields = sockets.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        fields.filter(|fields| fields[3] == "01" && ports.iter().any(|port| fields[1].ends_with(port))).count()
    };
    eventually(open, |open| *open == 0);
}

#[test]
fn refuses_nobody_whose_old_connections_have_been_closed_by_their_clients() {
    let limit = (3 * EACH).to_string();
    let https = Https::start(&[("PLAIN_HTTP", "serve"), ("MAX_CONNECTIONS", &limit)]);
    let api = &https.api;
    eventually(|| api.metric(CONNECTIONS), |active| active == "0");
    let mut streams = open(&https);
    assert_eq!(api.metric(CONNECTIONS), limit);
    for round in ["shut", "closed"] {
        let held: Vec<_> = streams
            .into_iter()
            .filter(|(socket, _)| {
                // Only the sending side, or all.
                round == "shut" && socket.shutdown(Shutdown::Write).is_ok()
            })
            .collect();
        ends_have_arrived(&https);
        streams = open(&https);
        assert_eq!((api.metric(CONNECTIONS), api.metric(STREAMS)), (limit.clone(), limit.clone()), "{round}");
        drop(held);
    }
    assert_eq!((api.metric(REFUSED), api.metric(EVICTED)), ("0".to_owned(), "0".to_owned()));
    assert_ne!(api.metric(HALF_CLOSED), "0");
}

#[test]
fn evicts_half_closed_connections_before_others_and_only_at_the_limit() {
    let (api, redis) = Api::start(&[("MAX_CONNECTIONS", "4")]);
    eventually(|| api.metric(CONNECTIONS), |active| active == "0");
    let mut unauthenticated = served(&api).unwrap();
    let half_closed = |target| {
        let mut stream = connect(&api.address);
        stream.write_all(request(&api, target).as_bytes()).unwrap();
        shut(&mut stream);
        stream
    };
    let mut kept = Connection::over(half_closed(STREAM));
    assert_eq!(kept.read(false).unwrap().status, 200);
    assert_eq!(next(&mut kept), event(VALUE));
    // A client that has read no response, and whose last requests the server has not read either.
    let mut stuck = connect_with_small_buffer(&api.address);
    stuck.write_all(request(&api, "/v0/wrpi").repeat(60).as_bytes()).unwrap();
    shut(&mut stuck);
    let mut open = vec![api.stream(&[])];
    assert_eq!(api.metric(CONNECTIONS), "4");
    // There was room for all of them.
    redis.write("1.000", TIMESTAMP);
    while next(&mut kept) != event("1.000") {}

    open.push(api.stream(&[]));
    kept.ends();
    assert_eq!(api.metric(HALF_CLOSED), "1");
    open.push(api.stream(&[]));
    assert_eq!((api.metric(HALF_CLOSED), api.metric(EVICTED)), ("2".to_owned(), "0".to_owned()));
    let _all = stuck.read_to_end(&mut Vec::new());
    assert_eq!(unauthenticated.request("GET", "/", &[]).unwrap().status, 200);
    open.push(api.stream(&[]));
    unauthenticated.ends();
    assert_eq!((api.metric(HALF_CLOSED), api.metric(EVICTED)), ("2".to_owned(), "1".to_owned()));
    Connection::open(&api.address).unwrap().ends();
    assert_eq!(api.metric(REFUSED), "1");
}
