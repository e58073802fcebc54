//! Ports that stay free for a server, even while it restarts.

use std::net::{Ipv4Addr, TcpListener};

use rand::RngExt;

/// These are below the range from which the kernel picks the local ports of outgoing connections. Such a connection
/// could otherwise take the port of a server that is down, or connect to itself.
const PORTS: std::ops::Range<u16> = 10_000..32_000;

/// A port of 127.0.0.1 on which nothing listens. Another caller may get the same port, but this is unlikely.
///
/// # Panics
///
/// When nearly all ports are in use.
pub fn free_port() -> u16 {
    let mut candidates = (0..1_000).map(|_| rand::rng().random_range(PORTS));
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    candidates.find(is_free).expect("a free port")
}
