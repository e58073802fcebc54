//! The metric of the lines that were dropped because nobody read the log.

use prometheus::IntCounter;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use tracing_appender::non_blocking::ErrorCounter;

pub(super) struct Lines {
    dropped: ErrorCounter,
    /// Stays at zero: it describes the metric.
    description: IntCounter,
}

fn counter() -> Result<IntCounter, prometheus::Error> {
    IntCounter::new("wrpi_log_lines_dropped_total", "Log lines dropped because standard error was not read in time.")
}

impl Lines {
    pub(super) fn new(dropped: ErrorCounter) -> Result<Self, prometheus::Error> {
        Ok(Self { dropped, description: counter()? })
    }
}

impl Collector for Lines {
    fn desc(&self) -> Vec<&Desc> {
        self.description.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        // A new one each time: two scrapes at once cannot disturb each other.
        let Ok(counter) = counter() else { return Vec::new() };
        counter.inc_by(self.dropped.dropped_lines() as u64);
        counter.collect()
    }
}
