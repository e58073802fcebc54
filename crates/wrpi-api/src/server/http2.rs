//! HTTP/2, over TLS only.

use std::pin::pin;
use std::sync::Arc;

use hyper::server::conn::http2::Builder;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::connection::{BoxError, Ending, Handler, IDLE_CLOSE_TIMEOUT, MAX_HEAD, idle, service};
use crate::connect_info::ConnectInfo;

/// Concurrent requests on a connection: a page has one or two, and each may hold memory while its response is not read.
const MAX_STREAMS: u32 = 16;
/// What a stream may hold of a response that is not read, in bytes.
const MAX_SEND_BUFFER: usize = 1024;
/// What a client may send of a request's body unread, in bytes: no body is needed.
const STREAM_WINDOW: u32 = 1024;
/// The same for all streams of a connection: the smallest that HTTP/2 allows (RFC 9113, section 6.9.2).
const CONNECTION_WINDOW: u32 = 65_535;

/// Serves a connection to its end, or until it is idle or the server closes: then it may send what it has begun.
pub(super) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    connection: Arc<ConnectInfo>,
    handler: impl Handler,
    ending: &Ending,
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
        () = ending.closing.cancelled() => false,
        () = idle(&connection, ending.idle_timeout) => true,
    };
    served.as_mut().graceful_shutdown();
    if is_idle {
        timeout(IDLE_CLOSE_TIMEOUT, served).await??
    } else {
        served.await?
    }
    Ok(())
}
