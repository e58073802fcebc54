//! Listening sockets. Accepted sockets inherit their options, so these also say when the kernel ends a connection whose
//! client is gone.
//!
//! A client that has disappeared acknowledges nothing. If something was sent to it, such as the heartbeat of a stream, the
//! kernel ends the connection [`UNACKNOWLEDGED`] later. If nothing was sent, keepalive probes do the same. A stream is
//! silent for at most 7 s, so each is gone within 30 s of its last acknowledgment, which leaves 5 s for the first
//! retransmission.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Socket, TcpKeepalive, Type};
use tokio::net::TcpListener;

/// Maximum connections that wait to be accepted: many clients may reconnect at once, for example after a restart.
const BACKLOG: i32 = 4096;
/// Size of the kernel's buffer in each direction, in bytes. The kernel doubles it. Requests and responses need less, and a
/// client that does not read could otherwise fill megabytes.
const SOCKET_BUFFER: usize = 8 * 1024;
/// How long data may stay unacknowledged, from its first retransmission on. The same limit applies to a client that
/// acknowledges, but has a full buffer and reads nothing.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(18);
/// Time without a packet from the client until the first keepalive probe, and between probes. [`UNACKNOWLEDGED`] also
/// limits how long the kernel waits for the answer to a probe, so two probes are sent.
const PROBE_AFTER: Duration = Duration::from_secs(8);
const PROBE_INTERVAL: Duration = Duration::from_secs(5);

/// Listens on `address`. On Linux, the kernel ends a connection within 30 s if its client is gone. `[::]` accepts IPv4 too.
///
/// # Errors
///
/// If `address` is in use, or is not an address of this host.
///
/// # Panics
///
/// Outside a tokio runtime.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        // The default is a setting of the host (net.ipv6.bindv6only).
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_recv_buffer_size(SOCKET_BUFFER)?;
    socket.set_send_buffer_size(SOCKET_BUFFER)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_INTERVAL))?;
    // Other systems use their own limit for data, which is minutes, and their own number of probes.
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    use socket2::SockRef;
    use tokio::net::TcpStream;

    async fn accepted() -> TcpStream {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        listener.accept().await.unwrap().0
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn accepted_connections_inherit_the_limits_for_clients_that_are_gone() {
        let stream = accepted().await;
        let socket = SockRef::from(&stream);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(UNACKNOWLEDGED));
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), PROBE_AFTER);
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), PROBE_INTERVAL);
    }

    #[tokio::test]
    async fn accepts_ipv4_on_the_unspecified_ipv6_address() {
        let listener = listen("[::]:0".parse().unwrap()).unwrap();
        assert!(!SockRef::from(&listener).only_v6().unwrap());
        let port = listener.local_addr().unwrap().port();
        let (client, accepted) = tokio::join!(TcpStream::connect(("127.0.0.1", port)), listener.accept());
        assert!(client.is_ok() && accepted.is_ok());
    }
}
