//! HTTP/1.1. `hyper` holds a connection only while it answers requests, because its buffers are most of a connection's
//! memory. Without `hyper`, this module waits for the next request, and `stream` sends the events after the first.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use hyper::server::conn::http1::Builder;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::{sleep, timeout};

use super::connection::{BoxError, Handler, IDLE_CLOSE_TIMEOUT, MAX_HEAD, ServerContext, idle, service};
use super::io::Io;
use super::stream;
use crate::connect_info::{ConnectInfo, Rest};

/// Maximum number of headers in a request. Browsers send far fewer.
const MAX_HEADERS: usize = 64;
/// A connection is at rest after this time without a request. The pause between checks doubles up to [`LONGEST_PAUSE`].
const REST_AFTER: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Why `hyper` has released a connection.
enum Released<T> {
    Ended,
    AtRest(Io<T>),
    Streaming(Io<T>, Rest),
}

/// Serves a connection until it ends, is idle, or the server closes.
pub(super) async fn serve<T>(
    stream: T,
    connection: Arc<ConnectInfo>,
    handler: impl Handler,
    context: &ServerContext,
) -> Result<(), BoxError>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (began, mut io) = (Instant::now(), Io::new(stream, connection.clone()));
    loop {
        let is_open = tokio::select! {
            biased;
            is_open = poll_fn(|cx| io.poll_readable(cx)) => is_open?,
            () = context.closing.cancelled() => false,
            () = idle(&connection, began, context.idle_timeout) => false,
        };
        if !is_open {
            return close(io).await;
        }
        // Boxed, so that a connection at rest and a stream do not keep the memory.
        let released = Box::pin(answer(io, &connection, began, handler.clone(), context)).await?;
        match released {
            Released::Ended => return Ok(()),
            Released::AtRest(released) => io = released,
            Released::Streaming(io, rest) => return Box::pin(stream::send(io, rest, &connection, context)).await,
        }
    }
}

/// Answers requests until the connection ends, rests, or becomes a stream.
async fn answer<T>(
    io: Io<T>,
    connection: &Arc<ConnectInfo>,
    began: Instant,
    handler: impl Handler,
    context: &ServerContext,
) -> Result<Released<T>, BoxError>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let before = connection.last_used();
    // header_read_timeout would cost a timer per request, and would not stop a client that does not read.
    let served = Builder::new()
        .half_close(true)
        .header_read_timeout(None)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(io), service(connection.clone(), handler));
    let mut served = Box::new(served);
    let (mut may_rest, mut is_closing, mut is_idle) = (true, false, false);
    loop {
        // If no write is blocked, hyper's buffer is empty. Only then can the rest of a stream follow.
        let released = poll_fn(|cx| match Pin::new(&mut *served).poll(cx) {
            Poll::Ready(ended) => Poll::Ready(ended.map(|()| None)),
            Poll::Pending if connection.is_write_blocked() => Poll::Pending,
            Poll::Pending => connection.take_stream().map_or(Poll::Pending, |rest| Poll::Ready(Ok(Some(rest)))),
        });
        tokio::select! {
            biased;
            released = released => return Ok(match released? {
                None => Released::Ended,
                // A request after a stream is not read: the response has announced the end of the connection.
                Some(rest) => Released::Streaming(served.into_parts().io.into_inner(), rest),
            }),
            () = context.closing.cancelled(), if !is_closing => is_closing = true,
            () = idle(connection, began, context.idle_timeout), if !is_idle => is_idle = true,
            () = rest(connection, before), if may_rest => may_rest = false,
            () = sleep(IDLE_CLOSE_TIMEOUT), if is_idle => return Ok(Released::Ended),
        }
        let has_answered = connection.last_used() != before;
        if (is_closing || is_idle) && !has_answered {
            close(served.into_parts().io.into_inner()).await?;
            return Ok(Released::Ended);
        }
        Pin::new(&mut *served).graceful_shutdown();
        // Between two requests, hyper completes immediately and sends nothing.
        if !is_closing
            && !is_idle
            && let Poll::Ready(ended) = poll_fn(|cx| Poll::Ready(served.poll_without_shutdown(cx))).await
        {
            ended?;
            let parts = served.into_parts();
            let mut io = parts.io.into_inner();
            io.read = parts.read_buf;
            return Ok(Released::AtRest(io));
        }
    }
}

async fn close<T: AsyncRead + AsyncWrite + Unpin>(mut io: Io<T>) -> Result<(), BoxError> {
    Ok(timeout(IDLE_CLOSE_TIMEOUT, io.shutdown()).await??)
}

/// Completes when the connection has been used since `before` and is between two requests. (After a request with an
/// unread body there is no next one: `hyper` closes the connection.)
async fn rest(connection: &ConnectInfo, before: Option<Instant>) {
    let mut pause = REST_AFTER;
    loop {
        sleep(pause).await;
        pause = LONGEST_PAUSE.min(pause * 2);
        let last = connection.last_used();
        let is_quiet = last.is_some_and(|used| used.elapsed() >= REST_AFTER);
        if last != before && is_quiet && !connection.is_write_blocked() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
