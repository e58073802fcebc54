//! HTTP/2, over TLS only.

pub(super) mod backpressure;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::socket::Socket;
use super::{BoxError, Handler, IDLE_CLOSE_TIMEOUT, MAX_HEAD, Server};
use crate::connection::ConnectionState;
use backpressure::{Backpressure, Streams};

/// Maximum concurrent requests on a connection: the lowest that RFC 9113, section 6.5.2, recommends. Some clients open as
/// many before they know the limit. `backpressure` bounds what clients without the password can do with them.
const MAX_STREAMS: u32 = 100;
/// Maximum buffered response data of a stream, in bytes.
const MAX_SEND_BUFFER: usize = 1024;
/// Maximum unread request body of a stream, in bytes. No request needs a body.
const STREAM_WINDOW: u32 = 1024;
/// Maximum unread request bodies of a connection, in bytes: the minimum of HTTP/2 (RFC 9113, section 6.9.2).
const CONNECTION_WINDOW: u32 = 65_535;

/// Serves a connection until it ends, is idle, or the server closes. Responses in progress are completed.
pub(super) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    connection: &Arc<ConnectionState>,
    handler: Handler,
    server: &Server,
) -> Result<(), BoxError> {
    let (began, backpressure) = (Instant::now(), Backpressure::new(connection.clone()));
    let socket = Socket::new(stream, connection, Some(&backpressure));
    let state = connection.clone();
    let served = Builder::new(Streams(backpressure.clone()))
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEAD as u32)
        .max_send_buf_size(MAX_SEND_BUFFER)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .serve_connection(TokioIo::new(socket), service_fn(move |request| handler(request, &state)));
    let mut served = pin!(served);
    let mut drive = async |ends| {
        poll_fn(|cx| {
            if ends || backpressure.is_spent() {
                served.as_mut().graceful_shutdown();
            }
            backpressure.allow_piece();
            served.as_mut().poll(cx)
        })
        .await
    };
    let is_idle = tokio::select! {
        biased;
        ended = drive(false) => return Ok(ended?),
        () = server.closing.cancelled() => false,
        () = connection.idle(began, server.idle_timeout) => true,
    };
    if is_idle {
        return timeout(IDLE_CLOSE_TIMEOUT, drive(true)).await.map_or(Ok(()), |ended| Ok(ended?));
    }
    Ok(drive(true).await?)
}
