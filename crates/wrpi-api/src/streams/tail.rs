//! A stream over HTTP/1 after its first event. [`Broadcast`] writes to it; its own task writes only while the client is
//! slow, and at the end.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use hyper::body::{Buf, Bytes};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::broadcast::{Broadcast, Member};
use super::events::StreamTail;
use crate::connection::ConnectionState;

const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// A stream, which its task and the broadcast share.
struct Stream<T> {
    socket: T,
    tail: StreamTail,
    connection: Arc<ConnectionState>,
    unsent: Bytes,
    /// Whether only the task of the stream writes, because the client is slow or the stream ends.
    is_blocked: bool,
    is_half_closed: bool,
    task: Waker,
}

/// Sends `tail` over `socket`, until the streams end or the connection fails.
pub(crate) async fn send<T>(
    socket: T,
    tail: StreamTail,
    connection: &Arc<ConnectionState>,
    broadcast: &Broadcast,
) -> io::Result<()>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stopping = tail.events.stopping();
    let stream = Arc::new(Mutex::new(Stream {
        socket,
        tail,
        connection: connection.clone(),
        unsent: Bytes::new(),
        is_blocked: true,
        is_half_closed: false,
        task: Waker::noop().clone(),
    }));
    let _membership = broadcast.join(stream.clone());
    tokio::select! {
        biased;
        () = stopping.cancelled() => stream.lock().end(),
        error = poll_fn(|cx| stream.lock().poll(cx)) => return Err(error),
    }
    poll_fn(|cx| stream.lock().poll_end(cx)).await
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Member for Mutex<Stream<T>> {
    fn send(&self) {
        let mut stream = self.lock();
        if !stream.is_blocked
            && stream.begin_due()
            && !matches!(stream.poll_unsent(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(())))
        {
            stream.is_blocked = true;
            stream.task.wake_by_ref();
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream<T> {
    /// Sends what is due, and completes with the error of the connection. If nothing is due, reading finds it.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        self.task.clone_from(cx.waker());
        match self.poll_due(cx) {
            Poll::Ready(Err(error)) => return Poll::Ready(error),
            sent => self.is_blocked = sent.is_pending(),
        }
        // The client has no other request, because the response has announced the end of the connection.
        let mut discarded = [0; 256];
        while !self.is_half_closed {
            let mut buffer = ReadBuf::new(&mut discarded);
            if let Err(error) = ready!(Pin::new(&mut self.socket).poll_read(cx, &mut buffer)) {
                return Poll::Ready(error);
            }
            self.is_half_closed = buffer.filled().is_empty();
        }
        Poll::Pending
    }

    /// Sends what is due. Pending while the client is slow.
    fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_unsent(cx))?;
            if !self.begin_due() {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Takes the next part if one is due, after the last one has been sent.
    fn begin_due(&mut self) -> bool {
        let now = Instant::now();
        let Some(part) = self.tail.events.due(now) else { return false };
        self.connection.touch(now);
        self.unsent = if self.tail.is_chunked { part.chunk } else { part.event };
        true
    }

    /// Makes the rest of the current part the last one.
    fn end(&mut self) {
        self.is_blocked = true;
        if self.tail.is_chunked {
            self.unsent = [&self.unsent, LAST_CHUNK].concat().into();
        }
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_unsent(cx))?;
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    fn poll_unsent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            match ready!(Pin::new(&mut self.socket).poll_write(cx, &self.unsent))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.unsent.advance(written),
            }
        }
        Pin::new(&mut self.socket).poll_flush(cx)
    }
}
