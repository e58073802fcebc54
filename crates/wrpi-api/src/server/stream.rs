//! A stream over HTTP/1 after its first event. [`Broadcast`](super::broadcast::Broadcast) writes to it; its own task writes
//! only while the client is slow, and at the end.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use hyper::body::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::broadcast::Member;
use super::connection::{BoxError, ServerContext, idle};
use super::io::Io;
use crate::connect_info::{ConnectInfo, Rest};

const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// A stream that its task and the broadcast share. `None` at the end.
struct Shared<T>(Mutex<Option<Stream<T>>>);

struct Stream<T> {
    io: Io<T>,
    rest: Rest,
    connection: Arc<ConnectInfo>,
    unsent: Bytes,
    /// Whether the client is slow. Only the task of the stream then writes.
    is_blocked: bool,
    /// Whether the client has closed its sending side.
    is_half_closed: bool,
    task: Waker,
}

/// Sends the rest of a response, until it ends or the client has not read for too long.
pub(super) async fn send<T>(
    io: Io<T>,
    rest: Rest,
    connection: &Arc<ConnectInfo>,
    context: &ServerContext,
) -> Result<(), BoxError>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (stopping, is_chunked) = (rest.events.stopping(), rest.is_chunked);
    let stream = Stream {
        io,
        rest,
        connection: connection.clone(),
        unsent: Bytes::new(),
        is_blocked: true,
        is_half_closed: false,
        task: Waker::noop().clone(),
    };
    let shared = Arc::new(Shared(Mutex::new(Some(stream))));
    let sent = async {
        let membership = context.broadcast.join(shared.clone());
        tokio::select! {
            biased;
            () = stopping.cancelled() => drop(membership),
            error = poll_fn(|cx| shared.poll(cx)) => return Err(error),
        }
        let Some(Stream { mut io, unsent, .. }) = shared.lock().take() else { return Ok(()) };
        io.write_all(&unsent).await?;
        if is_chunked {
            io.write_all(LAST_CHUNK).await?;
        }
        io.shutdown().await
    };
    tokio::select! {
        biased;
        sent = sent => Ok(sent?),
        () = idle(connection, Instant::now(), context.idle_timeout) => Ok(()),
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, Option<Stream<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what is due, and completes with the error of the connection. If nothing is due, reading finds it.
    fn poll(&self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let mut stream = self.lock();
        let Some(stream) = &mut *stream else { return Poll::Pending };
        stream.task.clone_from(cx.waker());
        match stream.poll_send(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(error),
            sent => {
                stream.is_blocked = sent.is_pending();
                stream.poll_error(cx)
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Member for Shared<T> {
    fn send(&self) {
        if let Some(stream) = &mut *self.lock()
            && !stream.is_blocked
            && stream.begin_due()
            && !matches!(stream.poll_unsent(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(())))
        {
            stream.is_blocked = true;
            stream.task.wake_by_ref();
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream<T> {
    /// Sends what is due. Pending while the client is slow.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_unsent(cx))?;
            if !self.begin_due() {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Completes with the error of the connection. Discards what the client sends: the response has announced the end of
    /// the connection, so there is no other request.
    fn poll_error(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        while !self.is_half_closed {
            let mut discarded = [0; 256];
            let mut buffer = ReadBuf::new(&mut discarded);
            if let Err(error) = ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer)) {
                return Poll::Ready(error);
            }
            self.is_half_closed = buffer.filled().is_empty();
        }
        Poll::Pending
    }

    /// Takes the next part if one is due, after the last one has been sent.
    fn begin_due(&mut self) -> bool {
        let now = Instant::now();
        let Some(part) = self.rest.events.due(now) else { return false };
        self.connection.touch(now);
        self.unsent = if self.rest.is_chunked { part.chunk } else { part.event };
        true
    }

    fn poll_unsent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            match ready!(Pin::new(&mut self.io).poll_write(cx, &self.unsent))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.unsent.advance(written),
            }
        }
        Pin::new(&mut self.io).poll_flush(cx)
    }
}
