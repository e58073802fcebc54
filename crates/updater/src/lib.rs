//! Calculates the index and stores it, once or at an interval.

mod settings;

use std::future::Future;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use backon::{BackoffBuilder, ExponentialBuilder};
use chrono::{DateTime, Utc};
use rand::{Rng, RngExt};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tracing::{error, info, warn};
use wrpi_core::store::{self, Resolver, Store};
use wrpi_core::{Reading, Timestamp, Wrpi};

pub use settings::Settings;

/// Calculates a reading: uniform over 0.000, 0.001, …, 100.000, at the time `now`.
///
/// # Errors
///
/// When the clock is outside the years 1970 to 9999.
pub fn calculate(random: &mut impl Rng, now: DateTime<Utc>) -> Result<Reading> {
    let value = Wrpi::from_thousandths(random.random_range(0..=100_000)).context("the random value is above 100")?;
    let calculated_at =
        Timestamp::new(now).with_context(|| format!("the clock shows {now}, outside the years 1970 to 9999"))?;
    Ok(Reading { value, calculated_at })
}

/// Stores readings. Keeps its connection from one reading to the next.
#[derive(Debug)]
pub struct Updater<R> {
    store: store::Settings,
    resolver: Resolver,
    connection: Option<Store>,
    random: R,
}

impl<R: Rng> Updater<R> {
    /// An updater of `store`, with values from `random`. It connects when it is used.
    pub fn new(store: store::Settings, random: R) -> Self {
        Self { store, resolver: Resolver::default(), connection: None, random }
    }

    /// Calculates and stores one reading. After a failure it calculates a new reading and retries until `deadline` has
    /// passed.
    ///
    /// # Errors
    ///
    /// When the deadline has passed: the last failure, with the host, port and database number.
    pub async fn run_once(&mut self, deadline: Duration) -> Result<Reading> {
        let backoff = ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(Duration::from_millis(100))
            .with_max_delay(Duration::from_secs(2))
            .without_max_times();
        let mut last_error = None;
        let attempts = async {
            let mut delays = backoff.build();
            loop {
                match self.attempt().await {
                    Ok(reading) => return reading,
                    Err(error) => {
                        if last_error.is_none() {
                            warn!(%error, "could not store a reading, retrying");
                        }
                        last_error = Some(error);
                    }
                }
                sleep(delays.next().unwrap_or_default()).await;
            }
        };
        if let Ok(reading) = timeout(deadline, attempts).await {
            return Ok(reading);
        }
        let last_error = self.unresolved().or(last_error);
        let error = last_error.unwrap_or_else(|| self.no_answer());
        Err(error.context(format!("no reading stored within {deadline:?}")))
    }

    async fn attempt(&mut self) -> Result<Reading> {
        // Redis may have closed a kept connection, or restarted: only a new connection shows if it fails.
        if let Some(kept) = self.connection.take()
            && let Ok(reading) = self.publish(kept).await
        {
            return Ok(reading);
        }
        let connection = Store::connect(&self.store, &self.resolver).await?;
        self.publish(connection).await
    }

    /// Stores a new reading, and keeps the connection if that succeeds.
    async fn publish(&mut self, mut connection: Store) -> Result<Reading> {
        let reading = calculate(&mut self.random, Utc::now())?;
        connection.publish(&reading).await?;
        self.connection = Some(connection);
        info!(value = %reading.value, calculated_at = %reading.calculated_at, "reading stored");
        Ok(reading)
    }

    /// Runs [`Updater::run_once`] immediately and then every `period`, until `shutdown` completes. A failed run is
    /// logged; the next one starts on schedule.
    pub async fn run_every(&mut self, period: Duration, deadline: Duration, shutdown: impl Future<Output = ()>) {
        let runs = async {
            let mut ticks = interval(period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            loop {
                ticks.tick().await;
                if let Err(error) = self.run_once(deadline.min(period)).await {
                    error!(error = format!("{error:#}"), "no reading stored");
                }
            }
        };
        tokio::select! {
            () = shutdown => {}
            () = runs => {}
        }
    }

    /// Checks that the store answers within `deadline`.
    ///
    /// # Errors
    ///
    /// When it cannot be reached, refuses the user, or does not answer in time.
    pub async fn check(&self, deadline: Duration) -> Result<()> {
        let check = async { Ok(Store::connect(&self.store, &self.resolver).await?.ping().await?) };
        let elapsed = |_| self.unresolved().unwrap_or_else(|| self.no_answer()).context(format!("after {deadline:?}"));
        timeout(deadline, check).await.unwrap_or_else(|error| Err(elapsed(error)))
    }

    /// What the updater waits for, if it is the address of the store.
    fn unresolved(&self) -> Option<anyhow::Error> {
        let host = &self.store.host;
        self.resolver.is_looking_up().then(|| anyhow!("{}cannot resolve the name {host}: no answer yet", self.at()))
    }

    fn no_answer(&self) -> anyhow::Error {
        anyhow!("{}no answer", self.at())
    }

    fn at(&self) -> String {
        format!("Redis at {}: ", self.store.address())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    #[test]
    fn calculates_values_uniform_over_the_whole_range_at_the_given_time() {
        let now = DateTime::from_timestamp(1_613_844_407, 786_604_000).unwrap();
        let random = &mut StdRng::seed_from_u64(1);
        let mut tenths = [0; 10];
        for _ in 0..20_000 {
            let reading = calculate(random, now).unwrap();
            assert_eq!(reading.calculated_at.to_string(), "2021-02-20T18:06:47+0000");
            tenths[(reading.value.to_f64() / 10.0).min(9.0) as usize] += 1;
        }
        assert!(tenths.iter().all(|count| (1_800..2_200).contains(count)), "{tenths:?}");
    }

    #[test]
    fn rejects_a_clock_outside_the_years_1970_to_9999() {
        let error = calculate(&mut StdRng::seed_from_u64(1), DateTime::<Utc>::MAX_UTC).unwrap_err();
        assert!(error.to_string().starts_with("the clock shows +262142-"), "{error}");
    }
}
