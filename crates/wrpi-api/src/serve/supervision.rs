//! Watching over open connections: which of them move, and telling them to end.
//!
//! One task looks after all of them, so that a request costs no timer.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use hyper::rt::{Read, ReadBufCursor, Write};
use slab::Slab;
use tokio::time::interval;

/// How long the head of a request may take to arrive, with up to [`INTERVAL`] more.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
const INTERVAL: Duration = Duration::from_secs(5);

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

/// What a connection and its supervisor share.
#[derive(Debug, Default)]
pub(super) struct Watch {
    moved: AtomicBool,
    in_head: AtomicBool,
    heads: AtomicU32,
    order: AtomicU8,
    waker: AtomicWaker,
}

impl Watch {
    /// Notes that the head of a request is complete.
    pub(super) fn head_came(&self) {
        self.in_head.store(false, Relaxed);
        self.heads.fetch_add(1, Relaxed);
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

    fn give(&self, order: Order) {
        self.order.fetch_max(order as u8, Relaxed);
        self.waker.wake();
    }
}

/// The byte stream of a connection, which tells its [`Watch`] when bytes move.
pub(super) struct Watched<S> {
    pub(super) stream: S,
    pub(super) watch: Arc<Watch>,
}

impl<S: Read + Unpin> Read for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
        self.watch.moved.store(true, Relaxed);
        self.watch.in_head.store(true, Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl<S: Write + Unpin> Write for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes));
        self.watch.moved.store(true, Relaxed);
        Poll::Ready(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, slices));
        self.watch.moved.store(true, Relaxed);
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

/// The open connections of a listener.
#[derive(Debug, Default)]
pub(super) struct Supervisor {
    connections: Mutex<Slab<Supervised>>,
}

#[derive(Debug)]
struct Supervised {
    watch: Arc<Watch>,
    /// Whether requests come one after the other, so that an incomplete head can be told from other bytes.
    is_serial: bool,
    heads: u32,
    time_in_head: Duration,
    time_at_rest: Duration,
}

/// A connection's place with its supervisor, given up on drop.
pub(super) struct Place {
    supervisor: Arc<Supervisor>,
    key: usize,
    pub(super) watch: Arc<Watch>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.supervisor.lock().try_remove(self.key);
    }
}

impl Supervisor {
    /// A place for a new connection, unless `most` have one already.
    pub(super) fn admit(self: &Arc<Self>, most: usize) -> Option<Place> {
        let mut connections = self.lock();
        if connections.len() >= most {
            return None;
        }
        // Its first tick may be near: it has not rested since the last.
        let watch = Arc::new(Watch { moved: AtomicBool::new(true), ..Watch::default() });
        let (heads, time_in_head, time_at_rest) = Default::default();
        let key =
            connections.insert(Supervised { watch: watch.clone(), is_serial: true, heads, time_in_head, time_at_rest });
        Some(Place { supervisor: self.clone(), key, watch })
    }

    /// Ends every connection as soon as no request is under way on it.
    pub(super) fn finish_all(&self) {
        self.lock().iter().for_each(|(_, connection)| connection.watch.give(Order::Finish));
    }

    /// Ends, for ever, connections on which no byte moves for `idle_timeout`, or on which a request's head takes too
    /// long.
    pub(super) async fn watch(&self, idle_timeout: Duration) {
        let mut ticks = interval(INTERVAL.min(idle_timeout));
        loop {
            ticks.tick().await;
            let mut connections = self.lock();
            for (_, connection) in connections.iter_mut() {
                connection.check(ticks.period(), idle_timeout);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Slab<Supervised>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Says that requests come side by side (HTTP/2).
    pub(super) fn is_not_serial(&self) {
        if let Some(connection) = self.supervisor.lock().get_mut(self.key) {
            connection.is_serial = false;
        }
    }
}

impl Supervised {
    /// Looks at what moved in the last `period`.
    fn check(&mut self, period: Duration, idle_timeout: Duration) {
        let heads = self.watch.heads.load(Relaxed);
        let is_same_head = self.watch.in_head.load(Relaxed) && self.heads == heads;
        self.heads = heads;
        self.time_in_head = if self.is_serial && is_same_head { self.time_in_head + period } else { Duration::ZERO };
        let has_moved = self.watch.moved.swap(false, Relaxed);
        self.time_at_rest = if has_moved { Duration::ZERO } else { self.time_at_rest + period };
        if self.time_in_head > HEAD_TIMEOUT || self.time_at_rest > idle_timeout + period {
            self.watch.give(Order::Cut);
        } else if self.time_at_rest >= idle_timeout {
            self.watch.give(Order::Finish);
        }
    }
}
