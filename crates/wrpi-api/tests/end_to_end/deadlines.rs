//! What only seconds of waiting can show: all of it at once.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use tokio_rustls::rustls::version::TLS13;
use wrpi_test::{PATIENCE, Pair};

use crate::api::VALUE;
use crate::certificates::REFUSAL;
use crate::https::{HOST, Https};
use crate::stream::event;

/// Sends the head of a request byte by byte until the connection ends.
fn drip(mut stream: impl Write) {
    let began = Instant::now();
    stream.write_all(b"GET / HTTP/1.1\r\nX-Drip: ").unwrap();
    while stream.write_all(b"x").and_then(|()| stream.flush()).is_ok() {
        assert!(began.elapsed() < PATIENCE, "still open");
        sleep(Duration::from_millis(100));
    }
}

#[test]
fn slow_clients_are_cut_silent_streams_kept_and_a_bad_certificate_is_told_once() {
    let mut https = Https::start(&[("PLAIN_HTTP", "serve")]);
    let certificate = https.authority.issue(HOST).certificate;
    https.secret.replace(&Pair { certificate, key: https.pair.key.clone() });
    let began = Instant::now();
    let not_before = |seconds: u64| {
        let elapsed = began.elapsed();
        assert!(elapsed >= Duration::from_secs(seconds), "after {elapsed:?}");
    };
    scope(|scope| {
        scope.spawn(|| {
            drip(TcpStream::connect(&https.api.address).unwrap());
            not_before(9);
        });
        scope.spawn(|| {
            drip(https.connect(https.client(&[&TLS13], &["http/1.1"])));
            not_before(9);
        });
        scope.spawn(|| {
            let mut without_handshake = TcpStream::connect(&https.address).unwrap();
            without_handshake.set_read_timeout(Some(PATIENCE)).unwrap();
            assert_eq!(without_handshake.read(&mut [0]).unwrap(), 0, "it ends");
            not_before(9);
        });
        scope.spawn(|| {
            let mut stream = https.api.stream(&[]);
            assert_eq!(stream.read_chunk().unwrap(), Some(event(VALUE)));
            assert_eq!(stream.read_chunk().unwrap().as_deref(), Some(":\n\n"), "a sign of life");
            not_before(6);
        });
    });
    https.api.service.logged(REFUSAL);
    assert_eq!(https.api.service.count_logged(REFUSAL), 1);
}
