//! Which clients have closed their sending side, or have reset their connection.
//!
//! The kernel collects them, and only the [`Places`](super::places::Places) at their limit ask for them. A notification of
//! the connection's own task would come too late: it might run after the same client's new connection is accepted.

use std::io;
use std::os::fd::AsFd;

#[cfg(target_os = "linux")]
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

/// How many are taken from the kernel at once.
#[cfg(target_os = "linux")]
const BATCH: usize = 64;

/// The connections whose ends the kernel collects. A closed connection leaves it by itself.
#[cfg(target_os = "linux")]
pub(super) struct HangUps(Epoll);

#[cfg(target_os = "linux")]
impl HangUps {
    /// # Errors
    ///
    /// If no file descriptor is free.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?))
    }

    /// From now on [`HangUps::take`] returns `number` once after the peer of `socket` has closed its sending side.
    pub(super) fn watch(&self, socket: impl AsFd, number: u64) {
        let flags = EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLONESHOT;
        // Without memory for it, the end is noticed at the next write.
        let _unnoticed = self.0.add(socket, EpollEvent::new(flags, number));
    }

    /// The numbers of connections that have ended since the last call; at most a batch of them. Empty if there are none.
    pub(super) fn take(&self) -> Vec<u64> {
        let mut events = [EpollEvent::empty(); BATCH];
        let found = self.0.wait(&mut events, EpollTimeout::ZERO).unwrap_or(0);
        events[..found].iter().map(EpollEvent::data).collect()
    }
}

/// Other systems notice such an end at the next write.
#[cfg(not(target_os = "linux"))]
pub(super) struct HangUps;

#[cfg(not(target_os = "linux"))]
impl HangUps {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self)
    }

    pub(super) fn watch(&self, _: impl AsFd, _: u64) {}

    pub(super) fn take(&self) -> Vec<u64> {
        Vec::new()
    }
}
