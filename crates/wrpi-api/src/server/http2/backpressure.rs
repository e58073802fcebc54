//! What clients without the password may send over HTTP/2.
//!
//! Some clients open 100 streams before they know the server's limit (RFC 9113, section 6.5.2, recommends no lower one).
//! Each takes memory until the client has accepted its response. So until a request had the password, the server reads
//! little at a time, and nothing while [`MAX_UNSENT`] responses are unsent. This delays such a client and refuses nothing.
//! A client that never accepts the responses is idle. So is one that asks for `/openapi.json` nine times at once without
//! having enlarged the connection's window: the server does not read that the window has grown again.
//!
//! The library also keeps what it has read: a header field that the client marks as repeated keeps the whole buffer around
//! it. So a connection without the password ends gracefully after [`MAX_RECEIVED`], and the client opens another one.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use hyper::rt::Executor;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

use crate::connection::ConnectionState;
use crate::server::MAX_HEAD;

/// How many bytes are read at a time: at most two requests, because the shortest has 12.
const PIECE: u64 = 24;
/// Number of unsent responses from which on nothing is read. A last piece may add one more than this.
const MAX_UNSENT: usize = 7;
/// Bytes received, after which the connection ends gracefully.
const MAX_RECEIVED: usize = 2 * MAX_HEAD;
/// Bytes that may still arrive until the client knows of the end: at least the rest of a request.
const MAX_IN_TRANSIT: usize = MAX_HEAD + 1024;

/// What a connection has received without the password, and not answered yet.
pub(in crate::server) struct Backpressure {
    connection: Arc<ConnectionState>,
    received: AtomicUsize,
    /// Whether a piece was read that hyper may not have handled yet.
    has_read: AtomicBool,
    /// Requests without a complete response.
    unsent: AtomicUsize,
}

/// Runs the streams of a connection, and counts them.
#[derive(Clone)]
pub(super) struct Streams(pub(super) Arc<Backpressure>);

/// A response that is not complete.
struct Unsent(Arc<Backpressure>);

impl Backpressure {
    pub(super) fn new(connection: Arc<ConnectionState>) -> Arc<Self> {
        let (received, has_read, unsent) = Default::default();
        Arc::new(Self { connection, received, has_read, unsent })
    }

    /// Lets the next poll of the connection read a piece: hyper has now seen all requests in the last one.
    pub(super) fn allow_piece(&self) {
        self.has_read.store(false, Relaxed);
    }

    /// Whether the connection must end, because the client has sent much without the password.
    pub(super) fn is_spent(&self) -> bool {
        self.received.load(Relaxed) >= MAX_RECEIVED && !self.connection.is_authenticated()
    }

    /// Reads a piece from `stream` when that is allowed. Reads nothing more, as at the end of the connection, from a client
    /// that goes on.
    pub(in crate::server) fn poll_read(
        &self,
        stream: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.connection.reader.register(cx.waker());
        if self.unsent.load(Relaxed) >= MAX_UNSENT || self.connection.is_write_blocked() {
            return Poll::Pending;
        }
        if self.has_read.load(Relaxed) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.received.load(Relaxed) >= MAX_RECEIVED + MAX_IN_TRANSIT {
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut stream.take(PIECE)).poll_read(cx, buffer))?;
        self.received.fetch_add(buffer.filled().len() - before, Relaxed);
        self.has_read.store(true, Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        self.0.unsent.fetch_add(1, Relaxed);
        let unsent = Unsent(self.0.clone());
        tokio::spawn(async move {
            stream.await;
            drop(unsent);
        });
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        self.0.unsent.fetch_sub(1, Relaxed);
        self.0.connection.reader.wake();
    }
}
