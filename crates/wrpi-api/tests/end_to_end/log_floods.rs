//! Clients without the password do not fill the log.

use std::io::{Read, Write};
use std::net::Shutdown;

use wrpi_test::eventually;

use crate::support::frames::{
    DATA, HEADERS, INDEX, PING, SETTINGS, WINDOW_UPDATE, field, frame, get, opening, rapid_reset, requests,
};
use crate::support::https::Https;
use crate::support::socket::{CONNECTIONS, connect};

const ACK: u8 = 1;
/// Enough messages to tell a line for each from a line for each connection.
const MESSAGES: usize = 500;
const CONNECTIONS_EACH: usize = 20;

/// Sends everything that a client without the password can do wrong.
fn flood(https: &Https) {
    let connect_field = b"\x02\x07CONNECT\x41\x04test";
    for frames in [
        frame(PING, ACK, 0, &[0; 8]).repeat(MESSAGES),
        rapid_reset(1),
        requests(100, INDEX),
        requests(100, b"\x82\x87\x84"),
        requests(100, connect_field),
        get(1, &[INDEX, &field("connection", "close"), &field("te", "gzip")].concat()),
        get(1, &[INDEX, &field("Upper", "case")].concat()),
        get(0, INDEX),
        get(2, INDEX),
        frame(HEADERS, 5, 1, &[0xff; 100]),
        frame(DATA, 0, 1, b"idle"),
        frame(SETTINGS, 0, 0, &[0; 5]),
        frame(SETTINGS, 0, 0, &[0; 6]).repeat(MESSAGES),
        frame(WINDOW_UPDATE, 0, 0, &[0; 4]),
        frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]).repeat(2),
        frame(0xbe, 0, 0, b"unknown").repeat(MESSAGES),
        vec![0xff; 100],
    ] {
        for _ in 0..CONNECTIONS_EACH {
            let mut stream = https.connect_http2();
            let _is_closed = stream.write_all(&[opening(), frames.clone()].concat());
            stream.conn.send_close_notify();
            let _is_closed = stream.flush();
            let _is_reset = stream.sock.shutdown(Shutdown::Write);
            let _end = stream.read_to_end(&mut Vec::new());
        }
    }
    for bytes in [
        b"\x16\x03\x01\xff\xff\x01".as_slice(),
        b"\x15\x03\x03\0\x02\x01\0",
        b"\x16\x03\x01\0\x04\x01\0\0\0",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\0\xff garbage \r\n\r\n",
        b"GET /v0/wrpi HTTP/1.1\r\nHost: test\r\nAuthorization: Basic eDp5\r\n\r\n",
        b"CONNECT test:443 HTTP/1.1\r\nHost: test:443\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"",
    ] {
        for _ in 0..CONNECTIONS_EACH {
            let mut over_tls = https.connect_http1();
            let _is_closed = over_tls.write_all(bytes);
            for address in [&https.address, &https.api.address] {
                let mut stream = connect(address);
                let _is_closed = stream.write_all(bytes);
                let _is_reset = stream.shutdown(Shutdown::Write);
                let _end = stream.read_to_end(&mut Vec::new());
            }
        }
    }
}

#[test]
fn clients_without_the_password_add_no_line_to_the_log() {
    // A test finds the addresses in a line of the module `server`.
    for level in ["info", "warn,wrpi_api::server=info", "wrpi_core=debug"] {
        let mut https = Https::start(&[("RUST_LOG", level), ("PLAIN_HTTP", "serve")]);
        flood(&https);
        eventually(|| https.api.metric(CONNECTIONS), |active| active == "0");
        assert_eq!(https.get(&mut https.open()).status, 200);
        assert_eq!(https.api.metric("wrpi_log_lines_dropped_total"), "0");
        https.api.service.terminate();
        assert!(https.api.service.wait().success());
        let log = https.api.service.output();
        assert!(log.len() < 10, "{level}: {} lines: {:#?}", log.len(), &log[..log.len().min(10)]);
    }
}

/// This also shows that the flood above is one.
#[test]
fn a_library_logs_if_it_is_named() {
    let https = Https::start(&[("RUST_LOG", "info,h2=warn")]);
    flood(&https);
    // A busy machine drops lines.
    let dropped = || https.api.metric("wrpi_log_lines_dropped_total").parse::<usize>().unwrap();
    eventually(|| https.api.service.output().len() + dropped(), |lines| *lines >= MESSAGES * CONNECTIONS_EACH);
}
