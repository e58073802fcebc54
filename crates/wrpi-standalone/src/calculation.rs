//! Sends the updater's calculations to the API directly, without a store.

use std::time::Duration;

use rand::Rng;
use tokio::sync::watch;
use tokio::time::interval;
use tracing::error;
use wrpi_core::Reading;

/// Sends a new reading immediately and then every `period`. Never returns.
pub(crate) async fn repeat(period: Duration, mut random: impl Rng, readings: watch::Sender<Option<Reading>>) {
    let mut ticks = interval(period);
    loop {
        ticks.tick().await;
        match updater::calculate(&mut random, std::time::SystemTime::now().into()) {
            Ok(reading) => drop(readings.send_replace(Some(reading))),
            Err(error) => error!(error = format!("{error:#}"), "could not calculate a reading"),
        }
    }
}
