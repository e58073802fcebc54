//! The socket of a connection, which `hyper` borrows.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::http2::backpressure::Backpressure;
use crate::connection::ConnectionState;

/// A socket that records on its connection whether a write is blocked, and reads as `backpressure` allows.
pub(super) struct Socket<T> {
    pub(super) stream: T,
    /// How the kernel has ended the connection if the client is gone. Between two requests, hyper takes that for a regular
    /// end.
    pub(super) unacknowledged: Option<io::ErrorKind>,
    connection: Arc<ConnectionState>,
    backpressure: Option<Arc<Backpressure>>,
}

impl<T> Socket<T> {
    pub(super) fn new(stream: T, connection: &Arc<ConnectionState>, backpressure: Option<&Arc<Backpressure>>) -> Self {
        Self { stream, unacknowledged: None, connection: connection.clone(), backpressure: backpressure.cloned() }
    }

    fn noted<R>(&self, written: Poll<R>) -> Poll<R> {
        self.connection.set_write_blocked(written.is_pending());
        written
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Socket<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { stream, unacknowledged, connection, backpressure } = &mut *self;
        let read = match backpressure {
            Some(backpressure) if !connection.is_authenticated() => backpressure.poll_read(stream, cx, buffer),
            _ => Pin::new(stream).poll_read(cx, buffer),
        };
        if let Poll::Ready(Err(error)) = &read
            && is_unacknowledged(error)
        {
            *unacknowledged = Some(error.kind());
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Socket<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.noted(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.noted(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let written = Pin::new(&mut self.stream).poll_flush(cx);
        self.noted(written)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Whether the kernel has ended the connection because the client acknowledged nothing. It then reports a time-out, or why
/// it could not reach the client.
pub(super) fn is_unacknowledged(error: &(dyn Error + 'static)) -> bool {
    use io::ErrorKind::{HostUnreachable, NetworkUnreachable, TimedOut};
    let mut causes = std::iter::successors(Some(error), |&error| error.source());
    let kind = causes.find_map(|cause| cause.downcast_ref()).map(io::Error::kind);
    matches!(kind, Some(TimedOut | HostUnreachable | NetworkUnreachable))
}
