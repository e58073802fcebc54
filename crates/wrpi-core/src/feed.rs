//! One task that follows the store and passes each new reading on, for ever, whatever happens to the store.
//!
//! The store pushes changes (an invalidation message, then one `MGET`); a heartbeat reads again in case a push is
//! lost, and a pulse notices a connection that died without a word. A store that refuses to push is polled.

mod metrics;

use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use redis::ErrorKind;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use crate::store::{self, Store, StoreError};
use crate::{Reading, ReadingError};
pub use metrics::Metrics;

/// How often a store is read that does not push.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// How often such a store is asked again whether it pushes by now.
const TRACKING_RETRY: Duration = Duration::from_secs(15);
/// How often a silent connection is asked whether it lives.
const PULSE: Duration = Duration::from_millis(250);
/// How long a half-changed pair may wait for its other half: the Python updater writes the keys one by one.
const SETTLE_TIME: Duration = Duration::from_millis(20);
/// A lost store is tried again after the first of these, then less and less often down to the second; each with
/// jitter of up to as much again.
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_LONGEST: Duration = Duration::from_millis(250);

type Found = Option<Result<Reading, ReadingError>>;

/// Follows the store in `settings` and sends every reading that differs from the last. It never returns; drop it
/// to stop. What the store cannot give, or what is no reading, is logged when it changes and counted, and the
/// last good reading stays.
pub async fn follow(
    settings: store::Settings,
    heartbeat: Duration,
    metrics: Metrics,
    readings: watch::Sender<Option<Reading>>,
) {
    let mut feed = Feed { settings, heartbeat, metrics, readings, link: None, causes: Vec::new(), found: None };
    loop {
        for delay in ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(RETRY_FIRST)
            .with_max_delay(RETRY_LONGEST)
            .without_max_times()
            .build()
        {
            let Err(error) = feed.session().await else { break };
            let had_connected = feed.lost(&error);
            sleep(delay).await;
            if had_connected {
                break;
            }
        }
    }
}

/// How the store was last seen, once it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Pushed,
    Polled,
    Down,
}

struct Feed {
    settings: store::Settings,
    heartbeat: Duration,
    metrics: Metrics,
    readings: watch::Sender<Option<Reading>>,
    link: Option<Link>,
    /// Why the store is lost: what has been logged of it.
    causes: Vec<ErrorKind>,
    found: Option<Found>,
}

impl Feed {
    /// One connection, from its beginning to its end. A polled one ends after [`TRACKING_RETRY`], with `Ok`.
    async fn session(&mut self) -> Result<(), StoreError> {
        let end = Instant::now() + TRACKING_RETRY;
        let (changed, mut changes) = watch::channel(Instant::now());
        let (mut store, link, interval) = match Store::connect_tracking(&self.settings, changed.clone()).await {
            Ok(store) => (store, Link::Pushed, self.heartbeat),
            Err(refusal) if refusal.is_refusal() => {
                (Store::connect(&self.settings).await?, Link::Polled, POLL_INTERVAL.min(self.heartbeat))
            }
            Err(error) => return Err(error),
        };
        let mut pushed_at = None;
        while link == Link::Pushed || Instant::now() < end {
            let found = self.read(&mut store, &mut changes).await?;
            self.take(link, found, pushed_at);
            pushed_at = next_change(&mut store, &mut changes, interval).await?;
        }
        Ok(())
    }

    async fn read(&self, store: &mut Store, changes: &mut watch::Receiver<Instant>) -> Result<Found, StoreError> {
        let found = store.fetch().await?;
        if !is_half_changed(*self.readings.borrow(), &found) {
            return Ok(found);
        }
        let _other_half = timeout(SETTLE_TIME, changes.changed()).await;
        store.fetch().await
    }

    fn take(&mut self, link: Link, found: Found, pushed_at: Option<Instant>) {
        self.found_link(link);
        if let Some(Ok(reading)) = found
            && self.readings.send_if_modified(|last| last.replace(reading) != Some(reading))
        {
            self.metrics.received.inc();
            if let Some(pushed_at) = pushed_at {
                self.metrics.propagation.observe(pushed_at.elapsed().as_secs_f64());
            }
        }
        if self.found.as_ref() == Some(&found) {
            return;
        }
        let was_bad = !matches!(self.found, None | Some(Some(Ok(_))));
        let (redis_host, redis_db) = (&self.settings.host, self.settings.db);
        match &found {
            None => warn!(
                redis_host,
                redis_db, "no reading in this database; is REDIS_DB the number that the updater writes to?"
            ),
            Some(Err(error)) => {
                self.metrics.rejected.with_label_values(&[error.reason()]).inc();
                warn!(redis_host, redis_db, %error, "reading rejected, the last good one stays");
            }
            Some(Ok(_)) if was_bad => info!(redis_host, redis_db, "good reading in the store again"),
            Some(Ok(_)) => {}
        }
        self.found = Some(found);
    }

    fn found_link(&mut self, link: Link) {
        self.metrics.up.set(1);
        self.causes.clear();
        let before = self.link.replace(link);
        if before == Some(link) {
            return;
        }
        if before == Some(Link::Down) {
            self.metrics.reconnects.inc();
        }
        let redis = self.settings.address();
        match link {
            Link::Polled => warn!(redis, "store connected, but it refuses to push changes; polling every second"),
            _ => info!(redis, "store connected, changes are pushed"),
        }
    }

    /// Notes the end of a session; whether it had begun at all. Each cause is logged once: what closed the connection
    /// may be followed by what keeps a new one from being opened.
    fn lost(&mut self, error: &StoreError) -> bool {
        self.metrics.up.set(0);
        let before = self.link;
        // Before it was found for the first time it cannot be lost.
        self.link = before.map(|_| Link::Down);
        if !self.causes.contains(&error.kind()) {
            self.causes.push(error.kind());
            warn!(%error, "store lost, trying again until it is back");
        }
        matches!(before, Some(Link::Pushed | Link::Polled))
    }
}

/// Waits for a change while the store answers, where a refusal is an answer; `None` when none came for `interval`.
async fn next_change(
    store: &mut Store,
    changes: &mut watch::Receiver<Instant>,
    interval: Duration,
) -> Result<Option<Instant>, StoreError> {
    let end = Instant::now() + interval;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        if timeout(left.min(PULSE), changes.changed()).await.is_ok() {
            return Ok(Some(*changes.borrow_and_update()));
        }
        match store.ping().await {
            Err(error) if !error.is_refusal() => return Err(error),
            _ => {}
        }
    }
}

/// Whether only one of the two keys has changed since `last`, so that the other may be about to.
fn is_half_changed(last: Option<Reading>, found: &Found) -> bool {
    match (found, last) {
        (Some(Err(ReadingError::Incomplete(_))), _) => true,
        (Some(Ok(new)), Some(old)) => (new.value == old.value) != (new.calculated_at == old.calculated_at),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_half_changed_when_one_key_is_new_and_the_other_is_not() {
        let reading =
            |value: &[u8], second: u8| Reading::from_stored(value, format!("2021-02-20T18:06:{second:02}").as_bytes());
        let last = reading(b"1", 1).ok();
        for (found, half) in [
            (None, false),
            (Some(reading(b"1", 1)), false),
            (Some(reading(b"2", 2)), false),
            (Some(reading(b"2", 1)), true),
            (Some(reading(b"1", 2)), true),
            (Some(reading(b"rubbish", 2)), false),
            (Some(Err(ReadingError::Incomplete("wrpi-timestamp"))), true),
        ] {
            assert_eq!(is_half_changed(last, &found), half, "{found:?}");
        }
        assert!(!is_half_changed(None, &Some(reading(b"1", 1))));
    }
}
