//! CPU time of the process, with fractions: the collector of the `prometheus` crate counts whole seconds, so that rates
//! of a nearly idle process are 0.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use prometheus::Counter;
use prometheus::core::{Collector, Desc};
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::MetricFamily;

const CPU: &str = "process_cpu_seconds_total";

/// The metrics of the process.
pub(super) struct Process {
    process: ProcessCollector,
}

impl Process {
    pub(super) fn new() -> Self {
        Self { process: ProcessCollector::for_self() }
    }
}

impl Collector for Process {
    fn desc(&self) -> Vec<&Desc> {
        self.process.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut families = self.process.collect();
        if let Some(cpu) = cpu() {
            families.retain(|family| family.name() != CPU);
            families.extend(cpu.collect());
        }
        families
    }
}

/// A new counter each time, so that simultaneous scrapes do not interfere.
fn cpu() -> Option<Counter> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    let microseconds = (usage.user_time() + usage.system_time()).num_microseconds();
    let counter = Counter::new(CPU, "Total user and system CPU time spent in seconds.").ok()?;
    counter.inc_by(microseconds as f64 / 1e6);
    Some(counter)
}
