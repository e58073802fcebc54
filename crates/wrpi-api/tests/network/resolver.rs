//! Name servers that do not answer.

use std::net::{Ipv4Addr, ToSocketAddrs};

use wrpi_test::{Nameserver, Network, SILENT, eventually};

const LOCAL: Ipv4Addr = Ipv4Addr::LOCALHOST;

#[test]
fn the_network_of_a_test_has_its_own_name_servers() {
    let network = Network::enter();
    network.set_nameservers(&["127.0.0.1"]);
    let resolve =
        |name: &str| (name, 1).to_socket_addrs().map(|found| found.map(|a| a.ip().to_string()).collect::<Vec<_>>());
    let nameserver = Nameserver::start(LOCAL, &[("redis.test", "127.0.0.7")]);
    assert_eq!(resolve("redis.test").unwrap_or_default(), ["127.0.0.7".to_owned()]);
    assert!(resolve("other.test").is_err());
    network.set_hosts("127.0.0.8 other.test\n");
    assert_eq!(resolve("other.test").unwrap_or_default(), ["127.0.0.8".to_owned()]);
    drop(nameserver);
    network.set_nameservers(&[SILENT]);
    eventually(|| resolve("redis.test").is_err(), |has_failed| *has_failed);
}
