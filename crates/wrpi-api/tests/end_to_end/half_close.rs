//! Clients that shut their sending side after their requests (RFC 9112, section 9.6): each response arrives in full.

use std::io::Write;
use std::net::Shutdown;

use wrpi_test::{Api, BODY, Connection, TIMESTAMP, eventually};

use crate::support::https::Https;
use crate::support::socket::{self, HalfClose, request, shut};
use crate::support::stream::{STREAM, STREAMS, event, next};

#[test]
fn answers_in_full_on_the_public_and_the_admin_listener() {
    let (api, _redis) = Api::start(&[]);
    for (address, target, responses, body) in [
        (&api.address, "/v0/wrpi", 1, BODY),
        (&api.address, "/v0/wrpi", 3, BODY),
        (&api.address, "/", 1, ""),
        (&api.admin, "/readyz", 1, ""),
        (&api.admin, "/livez", 3, ""),
    ] {
        let exchange = HalfClose { request: &request(&api, target), responses, body };
        exchange.is_answered(|| socket::connect(address), shut);
    }
}

#[test]
fn answers_in_full_over_tls() {
    let https = Https::start(&[]);
    for responses in [1, 3] {
        let exchange = HalfClose { request: &request(&https.api, "/v0/wrpi"), responses, body: BODY };
        exchange.is_answered(
            || https.connect_http1(),
            |stream| {
                stream.conn.send_close_notify();
                stream.flush().unwrap();
                shut(&mut stream.sock);
            },
        );
    }
}

#[test]
fn continues_a_stream_until_the_client_closes_the_connection() {
    let (api, redis) = Api::start(&[("IDLE_TIMEOUT", "1500ms")]);
    let socket = socket::connect(&api.address);
    let mut stream = Connection::over(socket.try_clone().unwrap());
    stream.write(&request(&api, STREAM)).unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    assert_eq!(stream.read(false).unwrap().status, 200);
    redis.write("1.000", TIMESTAMP);
    while next(&mut stream) != event("1.000") {}
    assert_eq!(api.metric(STREAMS), "1");
    drop((socket, stream));
    eventually(|| api.metric(STREAMS), |active| active == "0");
}
