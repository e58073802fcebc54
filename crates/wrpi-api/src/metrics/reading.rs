//! The latest reading as metrics. They are missing until there is a reading, since a 0 would be wrong.

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Gauge, IntGauge};
use tokio::sync::watch;
use wrpi_core::Reading;

pub(super) struct LatestReading {
    readings: watch::Receiver<Option<Reading>>,
    value: Gauge,
    calculated_at: IntGauge,
}

impl LatestReading {
    pub(super) fn new(readings: watch::Receiver<Option<Reading>>) -> Result<Self, prometheus::Error> {
        Ok(Self {
            readings,
            value: Gauge::new("wrpi_value", "The latest value of the index, from 0 to 100.")?,
            calculated_at: IntGauge::new(
                "wrpi_last_calculation_timestamp_seconds",
                "When the latest value was calculated, in seconds since 1970.",
            )?,
        })
    }
}

impl Collector for LatestReading {
    fn desc(&self) -> Vec<&Desc> {
        [self.value.desc(), self.calculated_at.desc()].concat()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Some(Reading { value, calculated_at }) = *self.readings.borrow() else { return Vec::new() };
        self.value.set(value.to_f64());
        self.calculated_at.set(calculated_at.unix_seconds());
        [self.value.collect(), self.calculated_at.collect()].concat()
    }
}
