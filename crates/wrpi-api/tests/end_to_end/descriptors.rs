//! Processes with few file descriptors.

use wrpi_test::{Api, BODY, Connection, Redis, TIMESTAMP, VALUE, eventually, send};

use crate::support::socket::CONNECTIONS;
use crate::support::stream::{STREAMS, event, next};

#[test]
fn serves_as_many_streams_as_fit_into_256_descriptors_and_says_how_many() {
    let redis = Redis::start();
    redis.write(VALUE, TIMESTAMP);
    // The limit of a terminal of macOS.
    let few = ["sh", "-c", "ulimit -n 256 && exec \"$0\""];
    let mut api = Api::wrapped(&few, &redis, &[]);
    api.serves(BODY);
    let said = api.service.logged("the limit of open files allows fewer connections than MAX_CONNECTIONS");
    let allowed = said["allowed"].as_u64().unwrap();
    assert!(allowed >= 200, "{said}");
    eventually(|| api.metric(CONNECTIONS), |active| active == "0");
    let mut streams: Vec<_> = (0..allowed).map(|_| api.stream(&[])).collect();
    assert_eq!(api.metric(STREAMS), allowed.to_string());
    // Many probes at once.
    let probes: Vec<_> = (0..64).map(|_| Connection::open(&api.admin).unwrap()).collect();
    assert_eq!(send(&api.admin, "GET", "/readyz", &[]).status, 200);
    Connection::open(&api.address).unwrap().ends();
    redis.cli(&["CLIENT", "KILL", "TYPE", "normal"]);
    redis.write("1.000", TIMESTAMP);
    for stream in &mut streams {
        while next(stream) != event("1.000") {}
    }
    assert_eq!(api.service.count_logged("cannot accept connections, retrying"), 0);
    drop(probes);
}
