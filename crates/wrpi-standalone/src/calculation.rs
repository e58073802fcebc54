//! The updater's calculation, handed to the API without a store between them.

use std::time::Duration;

use rand::Rng;
use tokio::sync::watch;
use tokio::time::interval;
use tracing::error;
use wrpi_core::Reading;

/// Sends a new reading every `period`, the first at once, for ever.
pub(crate) async fn repeat(period: Duration, mut random: impl Rng, readings: watch::Sender<Option<Reading>>) {
    let mut ticks = interval(period);
    loop {
        ticks.tick().await;
        match updater::calculate(&mut random, std::time::SystemTime::now().into()) {
            Ok(reading) => drop(readings.send_replace(Some(reading))),
            Err(error) => error!(error = format!("{error:#}"), "no reading calculated"),
        }
    }
}
