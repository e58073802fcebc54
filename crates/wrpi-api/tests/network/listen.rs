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
