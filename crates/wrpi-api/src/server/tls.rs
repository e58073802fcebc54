//! TLS on the listener for it.

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use httpdate::fmt_http_date;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, sink};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::server::TlsStream;

use super::{BoxError, Handler, MAX_HEAD, Server, http1, http2};
use crate::certificates::Certificates;
use crate::connection::{ConnectionState, FIRST_REQUEST_TIMEOUT};

/// Maximum encrypted data that waits to be sent, in bytes.
const BUFFER: usize = 4 * 1024;
/// The answer to plain HTTP, after the status line and `Date`.
const PLAIN_HTTP: &str = "Content-Type: text/plain\r\nContent-Length: 58\r\nConnection: close\r\n\r\n\
                          This port accepts HTTPS only: use https:// instead of http";

/// TLS 1.2 and 1.3, with HTTP/2 and HTTP/1.
pub(super) fn acceptor(certificates: &Certificates) -> anyhow::Result<TlsAcceptor> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(certificates.resolver());
    // Some versions of curl offer only http/1.0. Without a protocol in common, the handshake would fail.
    config.alpn_protocols = [&b"h2"[..], b"http/1.1", b"http/1.0"].map(<[u8]>::to_vec).into();
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Serves HTTP/1.1 or HTTP/2 over TLS, as the client prefers.
pub(super) async fn serve(
    stream: TcpStream,
    tls: TlsAcceptor,
    connection: &Arc<ConnectionState>,
    handler: Handler,
    server: &Server,
) -> Result<(), BoxError> {
    // Boxed, because a future keeps space for values that have moved out of it.
    let handshake = Box::pin(timeout(FIRST_REQUEST_TIMEOUT, async {
        let mut first = [0];
        stream.peek(&mut first).await?;
        // TLS begins with the byte 22, the methods of HTTP with a letter.
        if first[0].is_ascii_uppercase() {
            return reject_plain(stream).await;
        }
        tls.accept(stream).await.map(Box::new)
    }));
    let mut stream = tokio::select! {
        stream = handshake => stream??,
        () = server.closing.cancelled() => return Ok(()),
    };
    stream.get_mut().1.set_buffer_limit(Some(BUFFER));
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        Box::pin(http2::serve(stream, connection, handler, server)).await
    } else {
        Box::pin(http1::serve(stream, async |stream| readable(stream).await, connection, handler, server)).await
    }
}

/// Answers a request in plain HTTP, and reads what the client sends, so that the answer is not lost in a reset.
async fn reject_plain<T>(mut stream: TcpStream) -> io::Result<T> {
    let date = fmt_http_date(SystemTime::now());
    stream.write_all(format!("HTTP/1.1 400 Bad Request\r\nDate: {date}\r\n{PLAIN_HTTP}").as_bytes()).await?;
    stream.shutdown().await?;
    copy(&mut stream.take(MAX_HEAD as u64), &mut sink()).await?;
    Err(io::Error::other("a request in plain HTTP"))
}

/// Completes when the client has sent something after the handshake.
async fn readable(stream: &TlsStream<TcpStream>) -> io::Result<()> {
    let (socket, session) = stream.get_ref();
    if session.wants_read() { http1::readable(socket).await } else { Ok(()) }
}
