//! The socket of a connection, which reads frame by frame until a request had the password.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::backpressure::Requests;
use crate::connect_info::ConnectInfo;
use crate::server::io::Io;

/// The client's first bytes (RFC 9113, section 3.4).
const PREFACE: usize = 24;
/// The head of a frame: length, type, flags and stream (section 4.1).
const HEAD: usize = 9;
/// The type of the frame that begins a request.
const HEADERS: u8 = 1;

/// A socket that holds back requests.
pub(super) struct Throttled<T> {
    io: Io<T>,
    requests: Arc<Requests>,
    /// The head of a frame, how much of it was read, and how much of that was passed on.
    head: [u8; HEAD],
    read: usize,
    passed: usize,
    /// The rest of the frame's payload. The preface counts as one.
    payload: usize,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Throttled<T> {
    pub(super) fn new(stream: T, connection: &Arc<ConnectInfo>, requests: &Arc<Requests>) -> Self {
        let (io, requests) = (Io::new(stream, connection.clone()), requests.clone());
        Self { io, requests, head: [0; HEAD], read: HEAD, passed: HEAD, payload: PREFACE }
    }

    /// Reads the head of the next frame. At the end of the connection, less than that.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.read < HEAD {
            let mut rest = ReadBuf::new(&mut self.head[self.read..]);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut rest))?;
            match rest.filled().len() {
                0 => return Poll::Ready(Ok(())),
                length => self.read += length,
            }
        }
        if self.head[3] == HEADERS {
            ready!(self.requests.poll_next(cx));
        }
        let [high, middle, low, ..] = self.head.map(usize::from);
        self.payload = high << 16 | middle << 8 | low;
        Poll::Ready(Ok(()))
    }

    /// Reads the head of a frame, or as much of its payload as there is. Returns the number of bytes.
    fn poll_frame(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<usize>> {
        if self.passed == HEAD && self.payload == 0 {
            (self.read, self.passed) = (0, 0);
        }
        let length;
        if self.passed < HEAD {
            if self.passed == 0 {
                ready!(self.poll_head(cx))?;
            }
            length = (self.read - self.passed).min(buffer.remaining());
            buffer.put_slice(&self.head[self.passed..][..length]);
            self.passed += length;
        } else {
            let unfilled = buffer.initialize_unfilled_to(self.payload.min(buffer.remaining()));
            let mut payload = ReadBuf::new(unfilled);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut payload))?;
            length = payload.filled().len();
            buffer.advance(length);
            self.payload -= length;
        }
        Poll::Ready(Ok(length))
    }

    /// After a write that was possible, requests may be read again.
    fn noted<R>(&self, written: Poll<R>) -> Poll<R> {
        if written.is_ready() {
            self.requests.wake_reader();
        }
        written
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Throttled<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.requests.are_unlimited() && self.passed == self.read {
            return Pin::new(&mut self.io).poll_read(cx, buffer);
        }
        if ready!(self.requests.poll_receive(cx)) {
            let received = ready!(self.poll_frame(cx, buffer))?;
            self.requests.receive(received);
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Throttled<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.noted(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bytes);
        self.noted(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let written = Pin::new(&mut self.io).poll_flush(cx);
        self.noted(written)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
