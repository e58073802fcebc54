//! One task that follows the store and sends each new reading to the API. It survives every failure of the store.
//!
//! The store pushes changes (an invalidation message, then one `MGET`). A heartbeat reads again in case a push is lost,
//! and TCP keepalive ends a connection that died silently. A store that refuses to push is polled.

mod connection;
mod metrics;

use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::store::{self, Cause, Resolver, StoreError};
use crate::{Reading, ReadingError};
use connection::Connection;
pub use metrics::Metrics;

/// Delays between attempts to reach a lost store. They grow exponentially from the first to the longest, and jitter
/// adds up to 100 %.
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_LONGEST: Duration = Duration::from_millis(250);
/// Redis's `timeout` is at least one second. A connection that was idle for less was closed for another reason.
const SHORTEST_TIMEOUT: Duration = Duration::from_secs(1);

type Found = Option<Result<Reading, ReadingError>>;

/// Follows the store in `settings` and sends every reading that differs from the last one. It never returns; drop it to
/// stop. If the store fails or holds an invalid reading, the last good reading stays. Problems are logged when they
/// change, and rejected readings are counted.
pub async fn follow(
    settings: store::Settings,
    heartbeat: Duration,
    metrics: Metrics,
    readings: watch::Sender<Option<Reading>>,
) {
    let mut feed = Feed {
        settings,
        resolver: Resolver::default(),
        longest_heartbeat: heartbeat,
        heartbeat,
        metrics,
        readings,
        link: None,
        hang_ups: 0,
        closed: None,
        causes: Vec::new(),
        found: None,
    };
    let backoff = ExponentialBuilder::new()
        .with_jitter()
        .with_min_delay(RETRY_FIRST)
        .with_max_delay(RETRY_LONGEST)
        .without_max_times();
    let mut delays = backoff.build();
    loop {
        match feed.session().await {
            Ok(()) => delays = backoff.build(),
            Err(error) => {
                if feed.record_lost(&error) {
                    delays = backoff.build();
                }
                sleep(delays.next().unwrap_or(RETRY_LONGEST)).await;
            }
        }
    }
}

/// The state of the connection to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Pushed,
    Polled,
    Down,
}

struct Feed {
    settings: store::Settings,
    resolver: Resolver,
    /// The longest time between two reads.
    longest_heartbeat: Duration,
    /// The time between two reads. It is shorter than the longest if the store closes idle connections.
    heartbeat: Duration,
    metrics: Metrics,
    readings: watch::Sender<Option<Reading>>,
    link: Option<Link>,
    /// How many times in a row the store has closed the connection when it was asked to push.
    hang_ups: u32,
    /// Why the last connection ended, if it was closed while it was idle. It counts as a loss only if the next one fails.
    closed: Option<StoreError>,
    /// The causes of the current loss that have been logged.
    causes: Vec<Cause>,
    found: Option<Found>,
}

impl Feed {
    /// Runs one connection until it ends. Returns `Ok` when it is time to reconnect at once: to ask for pushes again, or
    /// because the store has closed an idle connection.
    async fn session(&mut self) -> Result<(), StoreError> {
        let mut connection =
            Connection::open(&self.settings, &self.resolver, self.heartbeat, &mut self.hang_ups).await?;
        let mut pushed_at = None;
        while !connection.has_expired() {
            let last = *self.readings.borrow();
            let idle = connection.idle();
            let found = match connection.read(last).await {
                Err(error) if error.has_hung_up() && idle >= SHORTEST_TIMEOUT => {
                    self.record_closed(error, idle);
                    return Ok(());
                }
                outcome => outcome?,
            };
            self.record_connected(connection.refusal());
            self.update(found, pushed_at);
            pushed_at = connection.next_change().await;
        }
        Ok(())
    }

    fn update(&mut self, found: Found, pushed_at: Option<Instant>) {
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
            None => {
                warn!(redis_host, redis_db, "no reading in this database; check that REDIS_DB matches the updater's");
            }
            Some(Err(error)) => {
                self.metrics.rejected.with_label_values(&[error.reason()]).inc();
                warn!(redis_host, redis_db, %error, "reading rejected, keeping the last good one");
            }
            Some(Ok(_)) if was_bad => info!(redis_host, redis_db, "the store has a good reading again"),
            Some(Ok(_)) => {}
        }
        self.found = Some(found);
    }

    /// Records that the store closed a connection after it was `idle`, as Redis's setting `timeout` makes it do. To keep
    /// the next connection, reads more often.
    fn record_closed(&mut self, error: StoreError, idle: Duration) {
        self.closed = Some(error);
        self.heartbeat = self.heartbeat.min(idle / 2);
    }

    fn record_connected(&mut self, refusal: Option<&StoreError>) {
        self.metrics.up.set(1);
        self.causes.clear();
        if let Some(error) = self.closed.take() {
            let (redis, heartbeat) = (self.settings.address(), self.heartbeat);
            info!(redis, ?heartbeat, %error, "the store closed an idle connection; reading more often");
        }
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

    /// Records the end of a session. Returns whether the session had connected. Logs each cause once per loss, because
    /// a new connection can fail for another cause than the one that closed the old connection.
    fn record_lost(&mut self, error: &StoreError) -> bool {
        if let Some(closed) = self.closed.take() {
            self.record_lost(&closed);
        }
        self.metrics.up.set(0);
        // The next server may have another timeout.
        self.heartbeat = self.longest_heartbeat;
        let before = self.link;
        // The first connection to a store is no reconnection, so do not count it as one.
        self.link = before.map(|_| Link::Down);
        if !self.causes.contains(&error.cause()) {
            self.causes.push(error.cause());
            warn!(%error, "store lost, retrying");
        }
        matches!(before, Some(Link::Pushed | Link::Polled))
    }
}
