//! The metric of dropped log lines.

use prometheus::IntCounter;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use tracing_appender::non_blocking::ErrorCounter;

pub(super) struct Lines {
    dropped: ErrorCounter,
    /// Only describes the metric; its value is not used.
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
        // A new counter each time, so that simultaneous scrapes do not interfere.
        let Ok(counter) = counter() else { return Vec::new() };
        counter.inc_by(self.dropped.dropped_lines() as u64);
        counter.collect()
    }
}
