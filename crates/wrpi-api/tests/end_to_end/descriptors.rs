//! Processes with few file descriptors.

use std::process::Command;
use std::time::{Duration, Instant};

use wrpi_test::{Api, BODY, Connection, Redis, TIMESTAMP, VALUE, cpu_time, eventually, send, thread_cpu_time};

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

/// Compares with the CPU time of a thread that never waits, so the speed of the machine does not matter.
#[test]
fn waits_between_attempts_to_accept_while_no_descriptor_is_free() {
    let (mut api, _redis) = Api::start(&[]);
    let process = api.service.id();
    let limit = |limit: &str| {
        let arguments = ["--pid", &process.to_string(), &format!("--nofile={limit}")];
        assert!(Command::new("prlimit").args(arguments).status().unwrap().success());
    };
    limit("1:");
    let mut waiting = Connection::open(&api.address).unwrap();
    waiting.write("GET / HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    api.service.logged("cannot accept connections, retrying");
    let (start, spun_before, used_before) = (Instant::now(), thread_cpu_time(), cpu_time(process));
    let spun = || thread_cpu_time() - spun_before;
    while start.elapsed() < Duration::from_secs(1) || spun() < Duration::from_millis(200) {}
    let (spun, used) = (spun(), cpu_time(process) - used_before);
    assert!(used < spun / 4, "{used:?} of CPU time, while a thread that never waits had {spun:?}");
    limit("1024:");
    assert_eq!(waiting.read(true).unwrap().status, 200);
}
