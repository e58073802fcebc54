//! What clients without the password may send over HTTP/2.
//!
//! Some clients open 100 streams before they know the server's limit (RFC 9113, section 6.5.2, recommends no lower one).
//! Each takes memory until the client has accepted its response. While [`MAX_UNSENT`] responses are unsent, the next
//! request of a client without the password stays in the kernel's buffer. This delays such a client and refuses nothing.
//! A client that never accepts the responses is idle.
//!
//! The library also keeps what it has read: a header field that the client marks as repeated keeps the whole buffer around
//! it. So a connection without the password ends gracefully after [`MAX_RECEIVED`], and the client opens another one.

use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use hyper::rt::Executor;
use tokio::sync::Notify;

use crate::connect_info::ConnectInfo;
use crate::server::connection::MAX_HEAD;

/// Maximum unsent responses to a client without the password.
const MAX_UNSENT: usize = 8;
/// Bytes from a client without the password, after which the connection ends gracefully.
const MAX_RECEIVED: usize = 2 * MAX_HEAD;
/// Bytes that may still arrive until the client knows of the end: at least the rest of a request.
const MAX_IN_TRANSIT: usize = MAX_HEAD + 1024;

/// The requests of a connection.
pub(super) struct Requests {
    connection: Arc<ConnectInfo>,
    /// Bytes received without the password.
    received: AtomicUsize,
    /// Notified at [`MAX_RECEIVED`].
    spent: Notify,
    /// Requests that were read, but that hyper has not seen yet.
    unseen: AtomicUsize,
    /// Requests without a complete response.
    open: AtomicUsize,
    /// The task of the connection, if it waits to read.
    reader: AtomicWaker,
}

/// Runs the streams of a connection, and counts them.
#[derive(Clone)]
pub(super) struct Streams(Arc<Requests>);

/// An open stream.
struct Open(Arc<Requests>);

impl Requests {
    pub(super) fn new(connection: Arc<ConnectInfo>) -> Arc<Self> {
        let (received, unseen, open) = Default::default();
        Arc::new(Self { connection, received, spent: Notify::new(), unseen, open, reader: AtomicWaker::new() })
    }

    /// Whether the client may send what it likes.
    pub(super) fn are_unlimited(&self) -> bool {
        self.connection.is_authenticated()
    }

    /// Waits until more may be read. Returns `false` if nothing will be.
    pub(super) fn poll_receive(&self, cx: &mut Context<'_>) -> Poll<bool> {
        let received = self.received.load(Relaxed);
        if received >= MAX_RECEIVED && self.unseen.load(Relaxed) > 0 {
            // One of them may have the password.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(received < MAX_RECEIVED + MAX_IN_TRANSIT)
    }

    /// Counts bytes that were received.
    pub(super) fn receive(&self, bytes: usize) {
        if self.received.fetch_add(bytes, Relaxed) + bytes >= MAX_RECEIVED {
            self.spent.notify_one();
        }
    }

    /// Waits until one more request may be read.
    pub(super) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.reader.register(cx.waker());
        let (unseen, open) = (self.unseen.load(Relaxed), self.open.load(Relaxed));
        if !self.are_unlimited() {
            if open >= MAX_UNSENT || self.connection.is_write_blocked() {
                return Poll::Pending;
            }
            if unseen + open >= MAX_UNSENT {
                // Once hyper has seen them, fewer may be open: h2 answers malformed requests itself.
                self.reader.wake();
                return Poll::Pending;
            }
        }
        self.reader.take();
        self.unseen.store(unseen + 1, Relaxed);
        Poll::Ready(())
    }

    /// Lets the reader check again.
    pub(super) fn wake_reader(&self) {
        self.reader.wake();
    }
}

impl Streams {
    pub(super) fn new(requests: Arc<Requests>) -> Self {
        Self(requests)
    }

    /// Completes with the hyper `connection` that runs these streams.
    pub(super) async fn drive<C: Future>(&self, mut connection: Pin<&mut C>) -> C::Output {
        poll_fn(|cx| {
            // In the last poll, hyper has seen all requests that were read.
            self.0.unseen.store(0, Relaxed);
            connection.as_mut().poll(cx)
        })
        .await
    }

    /// Completes at [`MAX_RECEIVED`], unless one of the requests had the password.
    pub(super) async fn spent(&self) {
        self.0.spent.notified().await;
        if self.0.are_unlimited() {
            pending().await
        }
    }
}

impl<F: Future + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let unseen = self.0.unseen.load(Relaxed);
        self.0.unseen.store(unseen.saturating_sub(1), Relaxed);
        self.0.open.fetch_add(1, Relaxed);
        let open = Open(self.0.clone());
        tokio::spawn(async move {
            let mut stream = pin!(stream);
            poll_fn(|cx| {
                let polled = stream.as_mut().poll(cx);
                // A handler may have checked the password only now.
                if open.0.are_unlimited() {
                    open.0.wake_reader();
                }
                polled.map(drop)
            })
            .await;
        });
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
        self.0.wake_reader();
    }
}
