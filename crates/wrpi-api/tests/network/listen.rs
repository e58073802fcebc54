//! Listening where the host has other defaults.

use wrpi_test::{Api, BODY, Network, Redis, TIMESTAMP, VALUE, get};

#[test]
fn accepts_ipv4_on_the_unspecified_ipv6_address_whatever_the_host_says() {
    let _network = Network::enter();
    std::fs::write("/proc/sys/net/ipv6/bindv6only", "1").unwrap();
    let redis = Redis::start();
    redis.write(VALUE, TIMESTAMP);
    let api = Api::follow(&redis, &[("LISTEN_ADDR", "[::]:0")]);
    api.becomes_ready();
    assert_eq!(get(&format!("127.0.0.1:{}", api.port()), "/v0/wrpi", &api.password).body, BODY);
}

/// Not in `make test`: containers often have no IPv6 address.
#[test]
fn an_admin_listener_for_ipv4_is_not_on_the_address_of_a_public_one_for_ipv6() {
    let _network = Network::enter();
    let redis = Redis::start();
    let mut api = Api::follow(&redis, &[("LISTEN_ADDR", "[::1]:0"), ("ADMIN_ADDR", "0.0.0.0:0")]);
    api.service.terminate();
    assert!(api.service.wait().success());
    let warning = "the admin listener is on a public listener's address; block its port for clients";
    assert_eq!(api.service.count_logged(warning), 0);
}
