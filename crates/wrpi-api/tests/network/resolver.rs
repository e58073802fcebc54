//! Name servers that do not answer, and answers that change.

use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use wrpi_test::{Api, BODY, Nameserver, Network, Redis, SILENT, Service, TIMESTAMP, VALUE, eventually, ip};

const NAME: &str = "redis.test";
const BY_NAME: (&str, &str) = ("REDIS_HOST", NAME);
const LOST: &str = "store lost, retrying";
const CONNECTED: &str = "store connected, changes are pushed";
const SLOW: &str = "the name of Redis does not resolve in time; using its known addresses, if any";
/// The resolver gives up after ten seconds. What ends within half of that did not wait for it, on any machine.
const LONG_BEFORE_THE_RESOLVER: Duration = Duration::from_secs(5);

/// A network where the local name server knows [`NAME`] and is asked first, and a Redis that holds [`BODY`].
fn start() -> (Network, Nameserver, Redis) {
    let network = Network::enter();
    network.set_nameservers(&["127.0.0.1"]);
    let nameserver = Nameserver::start(Ipv4Addr::LOCALHOST, &[(NAME, "127.0.0.1")]);
    let redis = Redis::start();
    redis.write(VALUE, TIMESTAMP);
    (network, nameserver, redis)
}

/// An API that follows `redis` by its name and serves [`BODY`].
fn follow(redis: &Redis) -> Api {
    let api = Api::follow(redis, &[BY_NAME]);
    api.serves(BODY);
    api
}

fn updater(redis: &Redis, arguments: &[&str], more: &[(&str, &str)]) -> Service {
    let mut environment = redis.environment();
    environment.extend([&[BY_NAME], more].concat().into_iter().map(|(name, value)| (name, value.to_owned())));
    Service::wrapped(&[], "updater", arguments, environment)
}

fn error(service: &mut Service, message: &str) -> String {
    service.logged(message)["error"].as_str().unwrap().to_owned()
}

#[test]
fn every_program_works_while_the_first_of_two_name_servers_is_silent() {
    let (network, _nameserver, redis) = start();
    network.set_nameservers(&[SILENT, "127.0.0.1"]);
    assert_eq!(updater(&redis, &["healthcheck"], &[]).wait().code(), Some(0));
    let mut once = updater(&redis, &[], &[]);
    assert_eq!(once.wait().code(), Some(0), "{:#?}", once.output());
    assert_eq!(once.count_logged("could not store a reading, retrying"), 0, "{:#?}", once.output());
    let mut api = Api::follow(&redis, &[BY_NAME]);
    assert_eq!(api.service.logged(SLOW)["name"], NAME);
    api.service.logged(CONNECTED);
    api.becomes_ready();
    assert_eq!(api.service.count_logged(LOST), 0, "{:#?}", api.service.output());
}

#[test]
fn readings_go_on_without_any_name_server_even_if_redis_restarts() {
    let (network, nameserver, mut redis) = start();
    let mut api = follow(&redis);
    let mut updater = updater(&redis, &[], &[("UPDATE_INTERVAL", "200ms")]);
    updater.logged("reading stored");
    drop(nameserver);
    network.set_nameservers(&[SILENT]);
    redis.restart();
    let seen = updater.output().len();
    updater.logged_after(seen, "reading stored");
    redis.write("1.000", TIMESTAMP);
    eventually(|| api.metric("wrpi_store_up"), |up| up == "1");
    let served = || api.get().body;
    let first = eventually(served, |body| body != BODY);
    eventually(served, |body| *body != first);
    assert_eq!(api.service.logged(SLOW)["known"], "[127.0.0.1]");
    updater.logged(SLOW);
}

#[test]
fn an_address_is_dropped_when_a_look_up_answers_without_it() {
    let (network, _nameserver, redis) = start();
    let api = follow(&redis);
    let elsewhere = TcpListener::bind(("127.0.0.2", redis.port())).unwrap();
    network.set_hosts("127.0.0.2 redis.test\n");
    redis.cli(&["CLIENT", "KILL", "TYPE", "normal"]);
    for _ in 0..3 {
        drop(elsewhere.accept().unwrap());
    }
    let clients = redis.cli(&["CLIENT", "LIST"]);
    assert_eq!(clients.lines().count(), 1, "only this question: {clients}");
    network.set_hosts("");
    eventually(|| api.metric("wrpi_store_up"), |up| up == "1");
}

#[test]
fn an_address_is_dropped_when_the_name_does_not_exist_any_more() {
    let (_network, nameserver, redis) = start();
    let mut api = follow(&redis);
    drop(nameserver);
    let knows_nothing = Nameserver::start(Ipv4Addr::LOCALHOST, &[]);
    redis.cli(&["CLIENT", "KILL", "TYPE", "normal"]);
    let cause = "cannot resolve the name redis.test: ";
    api.service.printed(|line| (line.contains(LOST) && line.contains(cause)).then_some(()));
    drop(knows_nothing);
    let _nameserver = Nameserver::start(Ipv4Addr::LOCALHOST, &[(NAME, "127.0.0.1")]);
    eventually(|| api.metric("wrpi_store_up"), |up| up == "1");
}

#[test]
fn all_addresses_of_a_name_are_tried() {
    let (network, _nameserver, redis) = start();
    network.set_nameservers(&[]);
    for hosts in [
        format!("{SILENT} {NAME}\n127.0.0.1 {NAME}\n"),
        format!("127.0.0.2 {NAME}\n::1 {NAME}\n127.0.0.1 {NAME}\n{SILENT} {NAME}\n"),
    ] {
        network.set_hosts(&hosts);
        assert_eq!(updater(&redis, &[], &[]).wait().code(), Some(0), "{hosts}");
        Api::follow(&redis, &[BY_NAME]).becomes_ready();
    }
}

#[test]
fn the_log_tells_a_name_that_does_not_resolve_from_a_connection_that_fails() {
    let (network, nameserver, mut redis) = start();
    redis.kill();
    let failed = "could not store a reading, retrying";
    let refused = error(&mut updater(&redis, &[], &[]), failed);
    assert!(refused.contains("refused") && !refused.contains("resolve"), "{refused}");
    let mut api = Api::follow(&redis, &[BY_NAME]);
    assert!(error(&mut api.service, LOST).contains("refused"));
    let wrong_name = ("REDIS_HOST", "other.test");
    let unknown = error(&mut updater(&redis, &[], &[wrong_name]), failed);
    assert!(unknown.contains("cannot resolve the name other.test: ") && !unknown.contains("refused"), "{unknown}");
    drop(nameserver);
    // Nothing listens at the address of the name server, so the look-up fails at once, and the known address is used.
    assert_eq!(api.service.logged(SLOW)["name"], NAME);
    let unknown = error(&mut updater(&redis, &[], &[]), failed);
    assert!(unknown.contains("cannot resolve the name redis.test: "), "{unknown}");
    network.set_hosts("");
}

#[test]
fn a_deadline_and_sigterm_do_not_wait_for_the_resolver() {
    let (network, nameserver, redis) = start();
    drop(nameserver);
    network.set_nameservers(&[SILENT]);
    let deadline = ("UPDATE_DEADLINE", "1s");
    for arguments in [&[][..], &["healthcheck"]] {
        let began = Instant::now();
        let mut updater = updater(&redis, arguments, &[deadline]);
        assert_eq!(updater.wait().code(), Some(1));
        assert!(began.elapsed() < LONG_BEFORE_THE_RESOLVER, "{:?}", began.elapsed());
        let error = error(&mut updater, "ended with an error");
        assert!(error.contains("Redis at redis.test:") && error.contains("cannot resolve the name"), "{error}");
    }
    let mut api = Api::follow(&redis, &[BY_NAME]);
    let mut often = updater(&redis, &[], &[("UPDATE_INTERVAL", "60m")]);
    let mut once = updater(&redis, &[], &[]);
    for service in [&mut api.service, &mut often, &mut once] {
        service.logged(SLOW);
        let began = Instant::now();
        service.terminate();
        service.wait();
        assert!(began.elapsed() < LONG_BEFORE_THE_RESOLVER, "{:?}", began.elapsed());
    }
}

#[test]
fn retries_share_one_look_up() {
    let (network, nameserver, mut redis) = start();
    let mut api = follow(&redis);
    let threads = || std::fs::read_dir(format!("/proc/{}/task", api.service.id())).unwrap().count();
    let before = threads();
    drop(nameserver);
    network.set_nameservers(&[SILENT]);
    redis.kill();
    // In place of Redis, so that attempts can be counted.
    let listener = TcpListener::bind(("127.0.0.1", redis.port())).unwrap();
    let began = Instant::now();
    for _ in 0..6 {
        drop(listener.accept().unwrap());
    }
    let most = before + 1;
    assert!(threads() <= most, "{} threads, {before} before, after {:?}", threads(), began.elapsed());
    assert_eq!(api.service.count_logged(SLOW), 1);
    api.service.logged(LOST);
}

#[test]
fn a_network_that_comes_back_brings_the_readings_back() {
    let (_network, _nameserver, redis) = start();
    let api = follow(&redis);
    ip("link set lo down");
    ip("link set lo up");
    redis.write("1.000", TIMESTAMP);
    api.serves_value("1.000");
}
