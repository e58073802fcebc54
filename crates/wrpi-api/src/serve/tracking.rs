//! What a connection and its supervisor share, and the byte stream that keeps it up to date.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use futures_util::task::AtomicWaker;
use http::Response;
use hyper::body::Body;
use hyper::rt::{Read, ReadBufCursor, Write};

/// What a connection is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Go on.
    Serve,
    /// End as soon as no request is under way.
    Finish,
    /// End now.
    Cut,
}

/// Whose a connection is, what it does, and what it is told to do.
#[derive(Debug)]
pub(crate) struct Activity {
    peer: IpAddr,
    moved: AtomicBool,
    in_head: AtomicBool,
    streaming: AtomicBool,
    requests: AtomicU32,
    admitted: AtomicU32,
    order: AtomicU8,
    waker: AtomicWaker,
}

impl Activity {
    /// That of a new connection from `peer`: it is to send a head, and has not rested, however near the next look is.
    pub(super) fn new(peer: IpAddr) -> Self {
        let (moved, in_head) = (AtomicBool::new(true), AtomicBool::new(true));
        let (streaming, requests, admitted, order, waker) = Default::default();
        Self { peer, moved, in_head, streaming, requests, admitted, order, waker }
    }

    /// The address of its other end.
    pub(crate) fn peer(&self) -> IpAddr {
        self.peer
    }

    /// Notes that a request was let in: it had the password.
    pub(crate) fn admitted(&self) {
        self.admitted.fetch_add(1, Relaxed);
    }

    /// Notes that bytes have come.
    pub(super) fn bytes_came(&self) {
        self.moved.store(true, Relaxed);
        self.in_head.store(true, Relaxed);
    }

    /// Notes that the head of a request is complete.
    pub(super) fn request_came(&self) {
        self.in_head.store(false, Relaxed);
        self.requests.fetch_add(1, Relaxed);
    }

    /// Notes whether an answer goes on for nobody knows how long.
    pub(crate) fn answered<B: Body>(&self, answer: &Response<B>) {
        if answer.body().size_hint().exact().is_none() {
            self.streaming.store(true, Relaxed);
        }
    }

    /// Whether bytes have moved since this was last asked.
    pub(super) fn take_moved(&self) -> bool {
        self.moved.swap(false, Relaxed)
    }

    /// Whether the head of a request is waited for, as far as it can be told: none is while an answer streams.
    pub(super) fn is_in_head(&self) -> bool {
        self.in_head.load(Relaxed) && !self.is_streaming()
    }

    /// Whether there has been an answer without an end in sight. It is the last on a connection of HTTP/1.1.
    pub(super) fn is_streaming(&self) -> bool {
        self.streaming.load(Relaxed)
    }

    /// How many requests have come.
    pub(super) fn requests(&self) -> u32 {
        self.requests.load(Relaxed)
    }

    /// How many of them were let in.
    pub(super) fn admissions(&self) -> u32 {
        self.admitted.load(Relaxed)
    }

    /// The order of now; the task of `cx` is woken when it changes.
    pub(super) fn order(&self, cx: &Context<'_>) -> Order {
        self.waker.register(cx.waker());
        match self.order.load(Relaxed) {
            0 => Order::Serve,
            1 => Order::Finish,
            _ => Order::Cut,
        }
    }

    /// Gives an order; one to end stays.
    pub(super) fn give(&self, order: Order) {
        self.order.fetch_max(order as u8, Relaxed);
        self.waker.wake();
    }
}

/// The byte stream of a connection, which tells its [`Activity`] when bytes move.
pub(super) struct Tracked<S> {
    pub(super) stream: S,
    pub(super) activity: Arc<Activity>,
}

impl<S: Read + Unpin> Read for Tracked<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
        self.activity.bytes_came();
        Poll::Ready(Ok(()))
    }
}

impl<S: Write + Unpin> Write for Tracked<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes));
        self.activity.moved.store(true, Relaxed);
        Poll::Ready(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, slices));
        self.activity.moved.store(true, Relaxed);
        Poll::Ready(written)
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
