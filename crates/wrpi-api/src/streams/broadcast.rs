//! Sends events on all streams over HTTP/1: for each thread, one task writes to one stream after the other.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::{unconstrained, yield_now};
use tokio::time::timeout;

/// Number of streams in a turn, after which other tasks of the thread run. If those are busy, the next turn takes as long
/// as they did, but at most [`LONGEST_TURN`]: a flood of requests must not delay an event for long.
const BATCH: usize = 32;
const LONGEST_TURN: Duration = Duration::from_millis(10);

/// All streams, divided into shards. Each shard has a task, so that several threads can send an event.
pub(crate) struct Broadcast {
    shards: Vec<Arc<Shard>>,
    joined: AtomicUsize,
}

/// Streams in the order in which they began.
#[derive(Default)]
pub(crate) struct Shard(Mutex<BTreeMap<usize, Arc<dyn Member>>>);

/// A stream.
pub(crate) trait Member: Send + Sync {
    /// Sends what is due, unless the client is slow.
    fn send(&self);
}

impl Broadcast {
    /// With `shards` shards, at least one.
    pub(crate) fn new(shards: usize) -> Arc<Self> {
        let shards = (0..shards.max(1)).map(|_| Arc::default()).collect();
        Arc::new(Self { shards, joined: AtomicUsize::default() })
    }

    /// The shards, for [`Shard::run`].
    pub(crate) fn shards(&self) -> impl Iterator<Item = Arc<Shard>> {
        self.shards.iter().cloned()
    }

    /// Adds a stream until the membership is dropped.
    pub(crate) fn join(&self, member: Arc<dyn Member>) -> Membership<'_> {
        let number = self.joined.fetch_add(1, Relaxed);
        let shard = &self.shards[number % self.shards.len()];
        shard.0.lock().insert(number, member);
        Membership { shard, number }
    }
}

impl Shard {
    /// Sends an event whenever `latest` changes, and heartbeats. A heartbeat that is due after `heartbeat` is late by up to
    /// a sixth. Never returns.
    pub(crate) async fn run<T>(self: Arc<Self>, mut latest: watch::Receiver<T>, heartbeat: Duration) {
        loop {
            if let Ok(Err(_)) = timeout(heartbeat / 6, latest.changed()).await {
                return pending().await;
            }
            // tokio's budget for a task is for fewer streams. A write beyond it would appear to be blocked.
            unconstrained(self.send()).await;
        }
    }

    /// Sends what is due on all streams.
    async fn send(&self) {
        let (mut next, mut start, mut turn) = (0, Instant::now(), Duration::ZERO);
        while let Some(last) = self.send_batch(next) {
            next = last + 1;
            let end = Instant::now();
            if end - start >= turn {
                yield_now().await;
                start = Instant::now();
                turn = LONGEST_TURN.min(start - end);
            }
        }
    }

    /// Sends what is due on [`BATCH`] streams from number `first` on. Returns the number of the last one. Others may begin
    /// and end meanwhile.
    fn send_batch(&self, first: usize) -> Option<usize> {
        let clone = |(number, member): (&usize, &Arc<dyn Member>)| (*number, member.clone());
        let batch: Vec<_> = self.0.lock().range(first..).take(BATCH).map(clone).collect();
        batch.iter().for_each(|(_, member)| member.send());
        batch.last().map(|(last, _)| *last)
    }
}

/// The membership of a stream in a shard.
pub(crate) struct Membership<'a> {
    shard: &'a Shard,
    number: usize,
}

impl Drop for Membership<'_> {
    fn drop(&mut self) {
        self.shard.0.lock().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::future::poll_fn;
    use std::task::Poll;
    use std::thread::sleep;

    const STREAMS: usize = 2_000;

    impl Member for AtomicUsize {
        fn send(&self) {
            self.fetch_add(1, Relaxed);
        }
    }

    #[tokio::test]
    async fn sends_an_event_in_few_turns_while_other_tasks_are_busy() {
        let (broadcast, sent, others) =
            (Broadcast::new(1), Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let _members: Vec<_> = (0..STREAMS).map(|_| broadcast.join(sent.clone())).collect();
        for _ in 0..100 {
            let others = others.clone();
            tokio::spawn(async move {
                loop {
                    others.fetch_add(1, Relaxed);
                    sleep(Duration::from_micros(100));
                    // Ready again at once, like the task of a client that sends without pause.
                    let mut is_first = true;
                    poll_fn(|cx| {
                        cx.waker().wake_by_ref();
                        if std::mem::take(&mut is_first) { Poll::Pending } else { Poll::Ready(()) }
                    })
                    .await;
                }
            });
        }
        for shard in broadcast.shards() {
            shard.send().await;
        }
        assert_eq!(sent.load(Relaxed), STREAMS);
        let others = others.load(Relaxed);
        assert!(others < STREAMS / BATCH * 10, "other tasks ran {others} times");
    }
}
