//! Time limits that no setting shortens: one test waits for all of them at once.

use std::io::Read;
use std::thread::scope;
use std::time::{Duration, Instant};

use wrpi_test::{Pair, VALUE};

use crate::support::https::{HOST, Https, REFUSAL};
use crate::support::socket::{self, drip};
use crate::support::stream::{event, next};

#[test]
fn closes_slow_clients_keeps_silent_streams_and_logs_a_bad_certificate_once() {
    let mut https = Https::start(&[("PLAIN_HTTP", "serve")]);
    let certificate = https.authority.issue(HOST).certificate;
    https.secret.replace(&Pair { certificate, key: https.pair.key.clone() });
    let began = Instant::now();
    let not_before = |seconds: u64| {
        let elapsed = began.elapsed();
        assert!(elapsed >= Duration::from_secs(seconds), "after {elapsed:?}");
    };
    scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| {
                drip(socket::connect(&https.api.address));
                not_before(9);
            });
        }
        scope.spawn(|| {
            drip(https.connect_http1());
            not_before(9);
        });
        scope.spawn(|| {
            drip(socket::connect(&https.address));
            not_before(9);
        });
        scope.spawn(|| {
            let mut without_handshake = socket::connect(&https.address);
            assert_eq!(without_handshake.read(&mut [0]).unwrap(), 0, "the connection ends");
            not_before(9);
        });
        scope.spawn(|| {
            let mut stream = https.api.stream(&[]);
            assert_eq!(next(&mut stream), event(VALUE));
            assert_eq!(next(&mut stream), ":\n\n", "the heartbeat");
            not_before(6);
        });
        // Slow clients do not delay others.
        (0..100).for_each(|_| assert_eq!(https.api.get().status, 200));
    });
    https.api.service.logged(REFUSAL);
    assert_eq!(https.api.service.count_logged(REFUSAL), 1);
}
