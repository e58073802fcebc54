//! A socket that hears nothing: to its peer, the network or the host has disappeared.

use std::net::TcpStream;

use nix::libc::{self, IP_MINTTL, IPPROTO_IP, c_int};
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::SetStruct;

/// The smallest time to live of a packet that the kernel accepts for a socket (`ip(7)`). Unlike a socket filter, it needs
/// no capability.
#[derive(Clone)]
struct MinTtl;

nix::setsockopt_impl!(MinTtl, IPPROTO_IP, IP_MINTTL, c_int, SetStruct<'_, c_int>);

/// Starts or stops to drop every packet that arrives at `socket`, over IPv4. Dropped packets are not acknowledged. The
/// kernel's own packets on loopback have a time to live of 64.
pub fn set_deaf(socket: &TcpStream, is_deaf: bool) {
    setsockopt(socket, MinTtl, if is_deaf { &255 } else { &0 }).unwrap();
}
