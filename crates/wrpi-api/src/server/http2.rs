//! HTTP/2, over TLS only.

use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use hyper::server::conn::http2::Builder;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::connection::{BoxError, Handler, IDLE_CLOSE_TIMEOUT, MAX_HEAD, ServerContext, idle, service};
use crate::connect_info::ConnectInfo;

/// Maximum concurrent requests on a connection. A page needs one or two. Each takes memory until the client has read
/// its response.
const MAX_STREAMS: u32 = 16;
/// Maximum buffered response data of a stream, in bytes.
const MAX_SEND_BUFFER: usize = 1024;
/// Maximum unread request body of a stream, in bytes. No request needs a body.
const STREAM_WINDOW: u32 = 1024;
/// Maximum unread request bodies of a connection, in bytes: the minimum of HTTP/2 (RFC 9113, section 6.9.2).
const CONNECTION_WINDOW: u32 = 65_535;

/// Serves a connection until it ends, is idle, or the server closes. Responses in progress are completed.
pub(super) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    connection: Arc<ConnectInfo>,
    handler: impl Handler,
    context: &ServerContext,
) -> Result<(), BoxError> {
    let served = Builder::new(TokioExecutor::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEAD as u32)
        .max_send_buf_size(MAX_SEND_BUFFER)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .serve_connection(TokioIo::new(stream), service(connection.clone(), handler));
    let mut served = pin!(served);
    let is_idle = tokio::select! {
        biased;
        ended = served.as_mut() => return Ok(ended?),
        () = context.closing.cancelled() => false,
        () = idle(&connection, Instant::now(), context.idle_timeout) => true,
    };
    served.as_mut().graceful_shutdown();
    if is_idle {
        timeout(IDLE_CLOSE_TIMEOUT, served).await??
    } else {
        served.await?
    }
    Ok(())
}
