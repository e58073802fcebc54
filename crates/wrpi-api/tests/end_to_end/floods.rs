//! Floods of new connections without the password, more than the API has places for: a client with the password gets
//! its response on a new connection and at the first attempt.

use std::io::Write;
use std::sync::Arc;

use tokio_rustls::rustls::ClientConnection;
use tokio_rustls::rustls::version::TLS13;
use wrpi_test::{Flood, PATIENCE};

use crate::support::flood::{CONNECTIONS, RATE, SESSIONS, answers_every_client, start, turn};
use crate::support::frames;
use crate::support::https::HOST;

#[test]
fn answers_clients_during_a_flood_of_silent_connections() {
    let _turn = turn();
    let https = start(&CONNECTIONS);
    let flood = Flood::of_bytes(&https.api.address, &[b""], RATE);
    answers_every_client(&https, flood, &CONNECTIONS);
}

#[test]
fn answers_clients_during_a_flood_of_unfinished_heads() {
    let _turn = turn();
    let https = start(&CONNECTIONS);
    let flood = Flood::of_bytes(&https.api.address, &[b"GET /v0/wrpi HTTP/1.1\r\nHost: test\r\nX: "], RATE);
    answers_every_client(&https, flood, &CONNECTIONS);
}

#[test]
fn answers_clients_during_a_flood_of_tls_connections_without_a_handshake() {
    let _turn = turn();
    let https = start(&CONNECTIONS);
    // Nothing, or the beginning of a ClientHello of 512 bytes.
    let flood = Flood::of_bytes(&https.address, &[b"", b"\x16\x03\x01\x02\x00\x01\x00"], RATE);
    answers_every_client(&https, flood, &CONNECTIONS);
}

#[test]
fn answers_clients_during_a_flood_of_http2_connections_without_requests() {
    let _turn = turn();
    let https = start(&SESSIONS);
    let (client, address) = (Arc::new(https.client(&[&TLS13], &["h2"])), https.address.clone());
    let greet = move || {
        let mut tcp = std::net::TcpStream::connect(&address)?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        let mut tls = ClientConnection::new(client.clone(), HOST.try_into().unwrap()).unwrap();
        tls.complete_io(&mut tcp)?;
        tls.writer().write_all(&frames::opening())?;
        tls.complete_io(&mut tcp)?;
        Ok(tcp)
    };
    answers_every_client(&https, Flood::of_sessions(greet, RATE), &SESSIONS);
}
