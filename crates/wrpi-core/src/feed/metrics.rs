//! The feed's metrics.

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use crate::ReadingError;

/// The feed's metrics. Only the feed updates them, so an API without traffic does not look like one without a store.
#[derive(Clone, Debug)]
pub struct Metrics {
    pub(super) up: IntGauge,
    pub(super) reconnects: IntCounter,
    pub(super) received: IntCounter,
    pub(super) rejected: IntCounterVec,
    pub(super) propagation: Histogram,
}

impl Metrics {
    /// Registers the metrics.
    ///
    /// # Errors
    ///
    /// When `registry` already has metrics of these names.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            up: IntGauge::new("wrpi_store_up", "1 while Redis answers, else 0.")?,
            reconnects: IntCounter::new("wrpi_store_reconnects_total", "Reconnections after Redis was lost.")?,
            received: IntCounter::new("wrpi_readings_received_total", "New readings received from Redis.")?,
            rejected: IntCounterVec::new(
                Opts::new("wrpi_readings_rejected_total", "Invalid readings found in Redis, by reason."),
                &["reason"],
            )?,
            propagation: Histogram::with_opts(
                HistogramOpts::new(
                    "wrpi_propagation_seconds",
                    "Delay from Redis's invalidation message to publication of the new reading.",
                )
                .buckets(vec![0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0]),
            )?,
        };
        registry.register(Box::new(metrics.up.clone()))?;
        registry.register(Box::new(metrics.reconnects.clone()))?;
        registry.register(Box::new(metrics.received.clone()))?;
        registry.register(Box::new(metrics.rejected.clone()))?;
        registry.register(Box::new(metrics.propagation.clone()))?;
        for reason in ReadingError::REASONS {
            metrics.rejected.with_label_values(&[reason]);
        }
        Ok(metrics)
    }
}
