//! HTTP/1.1. `hyper` holds a connection from its first byte on, and until it is a stream, because its buffers are most of
//! a connection's memory.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::socket::Socket;
use super::{BoxError, Handler, IDLE_CLOSE_TIMEOUT, MAX_HEAD, Server};
use crate::connection::ConnectionState;
use crate::streams::events::StreamTail;
use crate::streams::tail;

/// Maximum number of headers in a request. Browsers send far fewer.
const MAX_HEADERS: usize = 64;

/// Completes when there is something to read. `TcpStream::readable` may complete before.
pub(super) async fn readable(socket: &TcpStream) -> io::Result<()> {
    socket.peek(&mut [0]).await.map(drop)
}

/// Serves a connection until it ends, is idle, or the server closes. `readable` completes when the client has sent
/// something.
pub(super) async fn serve<T>(
    stream: T,
    readable: impl AsyncFnOnce(&T) -> io::Result<()>,
    connection: &Arc<ConnectionState>,
    handler: Handler,
    server: &Server,
) -> Result<(), BoxError>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let began = Instant::now();
    tokio::select! {
        biased;
        readable = readable(&stream) => readable?,
        () = server.closing.cancelled() => return close(stream).await,
        () = connection.idle(began, server.idle_timeout) => return close(stream).await,
    }
    // Boxed, so that a stream does not keep the memory.
    let Some((stream, tail)) = Box::pin(answer(stream, began, connection, handler, server)).await? else {
        return Ok(());
    };
    tokio::select! {
        biased;
        sent = Box::pin(tail::send(stream, tail, connection, &server.broadcast)) => Ok(sent?),
        () = connection.idle(began, server.idle_timeout) => Ok(()),
    }
}

/// Answers requests until the connection ends or becomes a stream.
async fn answer<T>(
    stream: T,
    began: Instant,
    connection: &Arc<ConnectionState>,
    handler: Handler,
    server: &Server,
) -> Result<Option<(T, StreamTail)>, BoxError>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let state = connection.clone();
    // header_read_timeout would cost a timer per request, and would not stop a client that does not read.
    let mut served = Builder::new()
        .half_close(true)
        .header_read_timeout(None)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .serve_connection(
            TokioIo::new(Socket::new(stream, connection, None)),
            service_fn(move |request| handler(request, &state)),
        );
    let ended = tokio::select! {
        biased;
        ended = drive(&mut served, connection) => Some(ended),
        () = server.closing.cancelled() => None,
        () = connection.idle(began, server.idle_timeout) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None if connection.last_used().is_none() => {
            // hyper would wait for the rest of the first request.
            close(served.into_parts().io.into_inner()).await?;
            return Ok(None);
        }
        None => {
            Pin::new(&mut served).graceful_shutdown();
            let patience = if connection.is_idle() { IDLE_CLOSE_TIMEOUT } else { Duration::MAX };
            let Ok(ended) = timeout(patience, drive(&mut served, connection)).await else { return Ok(None) };
            ended
        }
    };
    let Socket { stream, unacknowledged, .. } = served.into_parts().io.into_inner();
    match (ended, unacknowledged) {
        // A request after a stream is not read: the response has announced the end of the connection.
        (Ok(Some(tail)), _) => Ok(Some((stream, tail))),
        (_, Some(kind)) => Err(io::Error::from(kind).into()),
        (ended, None) => Ok(ended.map(|_| None)?),
    }
}

/// Completes with the tail of a stream if there is one, and otherwise at the end of the connection.
async fn drive(
    served: &mut (impl Future<Output = hyper::Result<()>> + Unpin),
    connection: &ConnectionState,
) -> hyper::Result<Option<StreamTail>> {
    // If no write is blocked, hyper's buffer is empty. Only then can the tail of a stream follow.
    poll_fn(|cx| match Pin::new(&mut *served).poll(cx) {
        Poll::Ready(ended) => Poll::Ready(ended.map(|()| None)),
        Poll::Pending if connection.is_write_blocked() => Poll::Pending,
        Poll::Pending => connection.stream.lock().take().map_or(Poll::Pending, |tail| Poll::Ready(Ok(Some(tail)))),
    })
    .await
}

async fn close(mut stream: impl AsyncWrite + Unpin) -> Result<(), BoxError> {
    Ok(timeout(IDLE_CLOSE_TIMEOUT, stream.shutdown()).await??)
}

#[cfg(test)]
mod tests;
