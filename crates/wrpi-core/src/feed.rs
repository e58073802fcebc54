//! One task that follows the store and passes each new reading on, whatever happens to the store.
//!
//! The store pushes changes (an invalidation message, then one `MGET`). A heartbeat reads again in case a push is lost,
//! and TCP keepalive ends a connection that died silently. A store that refuses to push is polled.

mod connection;
mod metrics;

use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use redis::ErrorKind;
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::store::{self, StoreError};
use crate::{Reading, ReadingError};
use connection::Connection;
pub use metrics::Metrics;

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
    let mut feed =
        Feed { settings, heartbeat, metrics, readings, link: None, hang_ups: 0, causes: Vec::new(), found: None };
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
    /// How often in a row the store has hung up when it was asked to push.
    hang_ups: u32,
    /// Why the store is lost: what has been logged of it.
    causes: Vec<ErrorKind>,
    found: Option<Found>,
}

impl Feed {
    /// One connection, from its beginning to its end. One that must be opened anew, to ask for pushes again, ends with
    /// `Ok`.
    async fn session(&mut self) -> Result<(), StoreError> {
        let mut connection = Connection::open(&self.settings, self.heartbeat, &mut self.hang_ups).await?;
        let mut pushed_at = None;
        while !connection.has_expired() {
            let last = *self.readings.borrow();
            let found = connection.read(last).await?;
            self.found_link(connection.refusal());
            self.take(found, pushed_at);
            pushed_at = connection.next_change().await;
        }
        Ok(())
    }

    fn take(&mut self, found: Found, pushed_at: Option<Instant>) {
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

    fn found_link(&mut self, refusal: Option<&StoreError>) {
        self.metrics.up.set(1);
        self.causes.clear();
        let link = if refusal.is_some() { Link::Polled } else { Link::Pushed };
        let before = self.link.replace(link);
        if before == Some(link) {
            return;
        }
        if before == Some(Link::Down) {
            self.metrics.reconnects.inc();
        }
        let redis = self.settings.address();
        match refusal {
            Some(error) => {
                warn!(redis, %error, "store connected, but it refuses to push changes; polling every second");
            }
            None => info!(redis, "store connected, changes are pushed"),
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
