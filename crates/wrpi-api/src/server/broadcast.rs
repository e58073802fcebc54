//! Sends events on all streams over HTTP/1.
//!
//! For each thread, one task writes to one stream after the other. It does not wake the streams' own tasks, because that
//! would cost as much as the write.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::timeout;

/// Other tasks of the thread run after this number of streams.
const BATCH: usize = 32;

/// All streams, divided into shards. Each shard has a task, so that several threads can send an event.
pub(super) struct Broadcast {
    shards: Vec<Arc<Shard>>,
    joined: AtomicUsize,
}

/// Streams in the order in which they began.
#[derive(Default)]
pub(super) struct Shard(Mutex<BTreeMap<usize, Arc<dyn Member>>>);

/// A stream.
pub(super) trait Member: Send + Sync {
    /// Sends what is due, unless the client is slow.
    fn send(&self);
}

impl Broadcast {
    /// With `shards` shards, at least one.
    pub(super) fn new(shards: usize) -> Arc<Self> {
        let shards = (0..shards.max(1)).map(|_| Arc::default()).collect();
        Arc::new(Self { shards, joined: AtomicUsize::default() })
    }

    /// The shards, for [`Shard::run`].
    pub(super) fn shards(&self) -> impl Iterator<Item = Arc<Shard>> {
        self.shards.iter().cloned()
    }

    /// Adds a stream until the membership is dropped.
    pub(super) fn join(&self, member: Arc<dyn Member>) -> Membership<'_> {
        let number = self.joined.fetch_add(1, Relaxed);
        let shard = &self.shards[number % self.shards.len()];
        shard.lock().insert(number, member);
        Membership { shard, number }
    }
}

impl Shard {
    /// Sends an event whenever `latest` changes, and heartbeats. A heartbeat that is due after `heartbeat` is late by up to
    /// a sixth. Never returns.
    pub(super) async fn run<T>(self: Arc<Self>, mut latest: watch::Receiver<T>, heartbeat: Duration) {
        loop {
            if let Ok(Err(_)) = timeout(heartbeat / 6, latest.changed()).await {
                return pending().await;
            }
            let mut next = 0;
            while let Some((last, batch)) = self.batch(next) {
                batch.iter().for_each(|member| member.send());
                next = last + 1;
                yield_now().await;
            }
        }
    }

    /// Some streams from number `first` on, and the number of the last one.
    fn batch(&self, first: usize) -> Option<(usize, Vec<Arc<dyn Member>>)> {
        let members = self.lock();
        let batch = || members.range(first..).take(BATCH);
        Some((*batch().last()?.0, batch().map(|(_, member)| member.clone()).collect()))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<usize, Arc<dyn Member>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The membership of a stream in a shard.
pub(super) struct Membership<'a> {
    shard: &'a Shard,
    number: usize,
}

impl Drop for Membership<'_> {
    fn drop(&mut self) {
        self.shard.lock().remove(&self.number);
    }
}
