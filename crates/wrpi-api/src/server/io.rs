//! The socket of an HTTP/1.1 connection, which `hyper` borrows.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::body::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::connect_info::ConnectInfo;

/// A socket, with bytes that were read from it in advance. Records on its connection whether a write is blocked.
pub(super) struct Io<T> {
    stream: T,
    /// Read from `stream` in advance.
    pub(super) read: Bytes,
    connection: Arc<ConnectInfo>,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Io<T> {
    pub(super) fn new(stream: T, connection: Arc<ConnectInfo>) -> Self {
        Self { stream, read: Bytes::new(), connection }
    }

    /// Waits until there is something to read. Returns `false` if the client has closed its sending side.
    pub(super) fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        if self.read.is_empty() {
            let mut byte = [0];
            let mut buffer = ReadBuf::new(&mut byte);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
            self.read = Bytes::copy_from_slice(buffer.filled());
        }
        Poll::Ready(Ok(!self.read.is_empty()))
    }

    fn noted<R>(&self, written: Poll<R>) -> Poll<R> {
        self.connection.set_write_blocked(written.is_pending());
        written
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Io<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let length = self.read.len().min(buffer.remaining());
        buffer.put_slice(&self.read.split_to(length));
        // Fill the rest of the buffer too, because hyper allocates 8 KiB for each read.
        match Pin::new(&mut self.stream).poll_read(cx, buffer) {
            Poll::Pending if length > 0 => Poll::Ready(Ok(())),
            read => read,
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Io<T> {
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
