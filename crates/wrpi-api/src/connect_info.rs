//! The state of a connection, which its requests and the server share.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::events::Events;

/// One open connection.
pub(crate) struct ConnectInfo {
    peer: IpAddr,
    opened: Instant,
    authenticated: AtomicBool,
    /// Milliseconds from `opened` to the last use; 0 before the first.
    used: AtomicU64,
    write_blocked: AtomicBool,
    idle: AtomicBool,
    stream: Mutex<Option<Rest>>,
}

/// A stream that has its first event.
pub(crate) struct Rest {
    pub(crate) events: Events,
    /// Whether the client knows chunks (RFC 9112, section 7.1).
    pub(crate) is_chunked: bool,
}

impl ConnectInfo {
    /// A connection from `peer`, opened now.
    pub(crate) fn new(peer: IpAddr) -> Self {
        Self {
            peer,
            opened: Instant::now(),
            authenticated: AtomicBool::default(),
            used: AtomicU64::default(),
            write_blocked: AtomicBool::default(),
            idle: AtomicBool::default(),
            stream: Mutex::default(),
        }
    }

    /// The address of the peer.
    pub(crate) fn peer(&self) -> IpAddr {
        self.peer
    }

    /// Marks the connection as authenticated, which protects it from eviction.
    pub(crate) fn set_authenticated(&self) {
        self.authenticated.store(true, Relaxed);
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

    /// Records whether a write is blocked until the client reads.
    pub(crate) fn set_write_blocked(&self, is_blocked: bool) {
        self.write_blocked.store(is_blocked, Relaxed);
    }

    /// Whether a write is blocked until the client reads.
    pub(crate) fn is_write_blocked(&self) -> bool {
        self.write_blocked.load(Relaxed)
    }

    /// Records that the connection ends because it was idle.
    pub(crate) fn set_idle(&self) {
        self.idle.store(true, Relaxed);
    }

    /// Whether the connection ends because it was idle.
    pub(crate) fn is_idle(&self) -> bool {
        self.idle.load(Relaxed)
    }

    /// Hands the rest of the response to the server.
    pub(crate) fn set_stream(&self, rest: Rest) {
        *self.stream.lock().unwrap_or_else(PoisonError::into_inner) = Some(rest);
    }

    /// Takes what [`ConnectInfo::set_stream`] has handed over.
    pub(crate) fn take_stream(&self) -> Option<Rest> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
