//! Floods of new connections without the password, thousands a second where there are 350 places: a client with the
//! password is answered, on a new connection and at the first attempt.

use std::io::Write;
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_rustls::rustls::ClientConnection;
use tokio_rustls::rustls::version::TLS13;
use wrpi_test::{Connection, Flood, PATIENCE};

use crate::frames;
use crate::https::{HOST, Https};

const PLACES: u64 = 350;
/// A second.
const RATE: u32 = 5_000;
const LASTS: Duration = Duration::from_secs(8);
/// What a flood of bare connections, or of TLS sessions, has to come to on the slowest machine.
const CONNECTIONS: u64 = 10_000;
const SESSIONS: u64 = 1_000;

/// They take turns: two at once would each have half of the machine.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn start() -> Https {
    Https::start(&[("MAX_CONNECTIONS", &PLACES.to_string()), ("PLAIN_HTTP", "serve")])
}

/// Asks with the password, on one new connection after the other, until the flood has lasted and come to `enough`
/// connections. Every newcomer must be answered.
fn newcomers_are_answered(https: &Https, flood: Flood, enough: u64) {
    let api = &https.api;
    let request = format!("GET /v0/wrpi HTTP/1.1\r\nHost: test\r\nAuthorization: {}\r\n\r\n", api.credentials());
    let (began, mut answered, mut late, mut failures) = (Instant::now(), 0, 0, Vec::new());
    while began.elapsed() < LASTS || flood.opened() < enough {
        assert!(began.elapsed() < PATIENCE, "only {} connections were opened", flood.opened());
        let before = flood.opened();
        let asked = Connection::open(&api.address).and_then(|mut newcomer| {
            newcomer.write(&request)?;
            Ok(newcomer)
        });
        // If this thread did not run for so long, unauthenticated connections may have been ahead of its request.
        let is_late = flood.opened() - before >= PLACES / 2;
        match asked.and_then(|mut newcomer| newcomer.read(true)) {
            Ok(answer) if answer.status == 200 => answered += 1,
            _ if is_late => late += 1,
            other => failures.push(other.map(|answer| answer.status)),
        }
    }
    assert_ne!(api.metric(r#"http_connections_evicted_total{listener="public"}"#), "0", "no place was wanting");
    let flooded = flood.stop();
    let found = format!("{flooded:?}: {answered} answered, {late} late, {} not answered", failures.len());
    println!("{found}");
    assert!(failures.is_empty(), "{found}, the first of them {:?}", failures[0]);
    assert!(answered > late, "{found}");
    assert_eq!(api.get().status, 200);
}

#[test]
fn of_silent_connections() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let https = start();
    let flood = Flood::of_bytes(&https.api.address, &[b""], RATE);
    newcomers_are_answered(&https, flood, CONNECTIONS);
}

#[test]
fn of_half_a_head_each() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let https = start();
    let flood = Flood::of_bytes(&https.api.address, &[b"GET /v0/wrpi HTTP/1.1\r\nHost: test\r\nX: "], RATE);
    newcomers_are_answered(&https, flood, CONNECTIONS);
}

#[test]
fn of_tls_without_a_handshake() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let https = start();
    // Nothing, or how a ClientHello of 512 bytes begins.
    let flood = Flood::of_bytes(&https.address, &[b"", b"\x16\x03\x01\x02\x00\x01\x00"], RATE);
    newcomers_are_answered(&https, flood, CONNECTIONS);
}

#[test]
fn of_http2_that_only_greets() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let https = start();
    let (client, address) = (Arc::new(https.client(&[&TLS13], &["h2"])), https.address.clone());
    let greet = move || {
        let mut tcp = TcpStream::connect(&address)?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        let mut tls = ClientConnection::new(client.clone(), HOST.try_into().unwrap()).unwrap();
        tls.complete_io(&mut tcp)?;
        tls.writer().write_all(&frames::opening())?;
        tls.complete_io(&mut tcp)?;
        Ok(tcp)
    };
    newcomers_are_answered(&https, Flood::of_sessions(greet, RATE), SESSIONS);
}
