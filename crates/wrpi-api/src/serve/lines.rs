//! Lines end with CR LF. Others may read a bare LF in another way than `hyper`, which takes it for the end of a line,
//! and so find other requests in the same bytes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use memchr::memchr;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What no head may hold, so that it is answered with 400.
const FORBIDDEN: u8 = 0;

/// An HTTP/1 connection in which each bare LF is read as a byte that no head may hold. In bodies it changes nothing,
/// since none is ever looked at.
pub(super) struct StrictLines<S> {
    stream: S,
    after_cr: bool,
}

impl<S> StrictLines<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, after_cr: false }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for StrictLines<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let known = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
        let came = &mut into.filled_mut()[known..];
        let mut from = 0;
        while let Some(found) = memchr(b'\n', &came[from..]) {
            let at = from + found;
            let after_cr = at.checked_sub(1).map_or(self.after_cr, |before| came[before] == b'\r');
            if !after_cr {
                came[at] = FORBIDDEN;
            }
            from = at + 1;
        }
        self.after_cr = came.last().map_or(self.after_cr, |last| *last == b'\r');
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for StrictLines<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
