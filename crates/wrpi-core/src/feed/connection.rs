//! The feed's connection. The server pushes changes. If the server refuses, the feed polls it.

use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::Found;
use crate::store::{Resolver, Settings, Store, StoreError};
use crate::{Reading, ReadingError};

/// Interval between two reads of a server that does not push.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// How long the feed polls such a server before it asks for pushes again.
const TRACKING_RETRY: Duration = Duration::from_secs(15);
/// How long to wait for the second key after the first has changed: some writers write the keys one by one.
const SETTLE_TIME: Duration = Duration::from_millis(20);
/// Some proxies disconnect on an unknown command, but a server that shuts down disconnects too. Therefore only this
/// many disconnects in a row count as a refusal.
const HANG_UPS: u32 = 3;

pub(super) struct Connection {
    store: Store,
    opened_at: Instant,
    /// When the server last answered.
    answered_at: Instant,
    heartbeat: Duration,
    /// Why the server does not push; `None` if it does.
    refusal: Option<StoreError>,
    /// When the last push arrived. The sender is kept so that the receiver never sees a closed channel.
    changes: (watch::Sender<Instant>, watch::Receiver<Instant>),
}

impl Connection {
    /// Connects and asks for pushes. If the server refuses, with any error or with [`HANG_UPS`] disconnects in a row,
    /// connects without pushes. `hang_ups` counts the disconnects from one call to the next.
    ///
    /// # Errors
    ///
    /// If the server cannot be used without pushes either, or has disconnected fewer than [`HANG_UPS`] times.
    pub(super) async fn open(
        settings: &Settings,
        resolver: &Resolver,
        heartbeat: Duration,
        hang_ups: &mut u32,
    ) -> Result<Self, StoreError> {
        let changes = watch::channel(Instant::now());
        let (store, refusal) = match Store::connect_tracking(settings, resolver, changes.0.clone()).await {
            Ok(store) => {
                *hang_ups = 0;
                (store, None)
            }
            Err(error) => {
                *hang_ups = if error.has_hung_up() { *hang_ups + 1 } else { 0 };
                if !error.is_answer() && *hang_ups < HANG_UPS {
                    return Err(error);
                }
                match connect_without_pushes(settings, resolver).await {
                    Ok(store) => (store, Some(error)),
                    // Prefer an error reply to a disconnect: in protected mode, the server replies and then disconnects.
                    Err(later) => return Err(if later.is_answer() { later } else { error }),
                }
            }
        };
        let now = Instant::now();
        Ok(Self { store, opened_at: now, answered_at: now, heartbeat, refusal, changes })
    }

    pub(super) fn refusal(&self) -> Option<&StoreError> {
        self.refusal.as_ref()
    }

    /// Whether it is time to reconnect and ask for pushes again.
    pub(super) fn has_expired(&self) -> bool {
        self.refusal.is_some() && self.opened_at.elapsed() >= TRACKING_RETRY
    }

    /// How long the connection was idle before the read that follows.
    pub(super) fn idle(&self) -> Duration {
        self.answered_at.elapsed()
    }

    /// Reads both keys. If only one differs from `last`, reads again after the next push or [`SETTLE_TIME`].
    pub(super) async fn read(&mut self, last: Option<Reading>) -> Result<Found, StoreError> {
        let found = self.store.fetch().await?;
        self.answered_at = Instant::now();
        if !is_half_changed(last, &found) {
            return Ok(found);
        }
        let _other_half = timeout(SETTLE_TIME, self.changes.1.changed()).await;
        self.store.fetch().await
    }

    /// Waits until the store must be read again. Returns when a push arrived, or `None` if none did.
    pub(super) async fn next_change(&mut self) -> Option<Instant> {
        if self.refusal.is_some() {
            sleep(POLL_INTERVAL.min(self.heartbeat)).await;
            return None;
        }
        // The end of the connection counts as a push, so the next read fails immediately.
        timeout(self.heartbeat, self.changes.1.changed()).await.ok()?.ok()?;
        Some(*self.changes.1.borrow_and_update())
    }
}

/// Connects with RESP2 and reads once: without a password, the server sends nothing before the first command.
async fn connect_without_pushes(settings: &Settings, resolver: &Resolver) -> Result<Store, StoreError> {
    let mut store = Store::connect(settings, resolver).await?;
    store.fetch().await?;
    Ok(store)
}

/// Whether only one of the two keys has changed since `last`. The other key may change soon.
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
