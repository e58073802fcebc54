//! HTTP/2, over TLS only.

mod backpressure;
mod io;

use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use hyper::server::conn::http2::Builder;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep;

use super::connection::{BoxError, Handler, IDLE_CLOSE_TIMEOUT, MAX_HEAD, ServerContext, idle, service};
use crate::connect_info::ConnectInfo;
use backpressure::{Requests, Streams};
use io::Throttled;

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
    connection: Arc<ConnectInfo>,
    handler: impl Handler,
    context: &ServerContext,
) -> Result<(), BoxError> {
    let began = Instant::now();
    let requests = Requests::new(connection.clone());
    let stream = Throttled::new(stream, &connection, &requests);
    let streams = Streams::new(requests);
    let served = Builder::new(streams.clone())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEAD as u32)
        .max_send_buf_size(MAX_SEND_BUFFER)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .serve_connection(TokioIo::new(stream), service(connection.clone(), handler));
    let mut served = pin!(served);
    let (mut is_closing, mut is_spent, mut is_idle) = (false, false, false);
    loop {
        tokio::select! {
            biased;
            ended = streams.drive(served.as_mut()) => return Ok(ended?),
            () = context.closing.cancelled(), if !is_closing => is_closing = true,
            () = streams.spent(), if !is_spent => is_spent = true,
            () = idle(&connection, began, context.idle_timeout), if !is_idle => is_idle = true,
            () = sleep(IDLE_CLOSE_TIMEOUT), if is_idle => return Ok(()),
        }
        served.as_mut().graceful_shutdown();
    }
}
