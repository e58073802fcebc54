//! The state of a connection, which its requests and the server share.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use crate::streams::events::StreamTail;

/// Time-out for the TLS handshake, and for the first request.
pub(crate) const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// One open connection.
pub(crate) struct ConnectionState {
    pub(crate) peer: IpAddr,
    opened: Instant,
    authenticated: AtomicBool,
    /// Milliseconds from `opened` to the last use; 0 before the first.
    used: AtomicU64,
    write_blocked: AtomicBool,
    idle: AtomicBool,
    /// Cancelled to end the connection at once.
    pub(crate) evicted: CancellationToken,
    /// Woken when the connection is authenticated, and when a write is no longer blocked.
    pub(crate) reader: AtomicWaker,
    /// A stream that `hyper` has begun, for the server to continue.
    pub(crate) stream: Mutex<Option<StreamTail>>,
}

impl ConnectionState {
    /// A connection from `peer`, opened now.
    pub(crate) fn new(peer: IpAddr) -> Self {
        Self {
            peer,
            opened: Instant::now(),
            authenticated: AtomicBool::default(),
            used: AtomicU64::default(),
            write_blocked: AtomicBool::default(),
            idle: AtomicBool::default(),
            evicted: CancellationToken::new(),
            reader: AtomicWaker::new(),
            stream: Mutex::default(),
        }
    }

    /// Protects the connection from eviction.
    pub(crate) fn set_authenticated(&self) {
        if !self.authenticated.swap(true, Relaxed) {
            self.reader.wake();
        }
    }

    /// Whether any request on it had a valid password.
    pub(crate) fn is_authenticated(&self) -> bool {
        self.authenticated.load(Relaxed)
    }

    /// Records a use at `now`: a request, or a part of a stream for which the kernel had room. Whether the client has
    /// received that part is not known here: the kernel ends the connection if the client does not acknowledge it.
    pub(crate) fn touch(&self, now: Instant) {
        let since = u64::try_from((now - self.opened).as_millis()).unwrap_or(u64::MAX);
        self.used.store(since.max(1), Relaxed);
    }

    /// When it was last used; `None` before the first request.
    pub(crate) fn last_used(&self) -> Option<Instant> {
        match self.used.load(Relaxed) {
            0 => None,
            since => Some(self.opened + Duration::from_millis(since)),
        }
    }

    /// Records whether a write waits for the client to read.
    pub(crate) fn set_write_blocked(&self, is_blocked: bool) {
        if self.is_write_blocked() != is_blocked {
            self.write_blocked.store(is_blocked, Relaxed);
            self.reader.wake();
        }
    }

    pub(crate) fn is_write_blocked(&self) -> bool {
        self.write_blocked.load(Relaxed)
    }

    /// Completes when the connection has been idle for `idle_timeout`, or when its first request after `began` is late. A
    /// request does not touch the timer. If the timer fires and the connection has been used meanwhile, it is set again.
    pub(crate) async fn idle(&self, began: Instant, idle_timeout: Duration) {
        loop {
            let end = match self.last_used() {
                Some(used) => used + idle_timeout,
                None => began + FIRST_REQUEST_TIMEOUT.min(idle_timeout),
            };
            if end <= Instant::now() {
                return self.idle.store(true, Relaxed);
            }
            sleep_until(end.into()).await;
        }
    }

    /// Whether the connection ends because it was idle.
    pub(crate) fn is_idle(&self) -> bool {
        self.idle.load(Relaxed)
    }
}
