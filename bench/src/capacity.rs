//! What the measured costs mean for a cluster.

use crate::machine::KIB;
use crate::report::{number, table};

/// Half: what is left of a core is for the peaks, and keeps the answers fast.
const USED: f64 = 0.5;
/// The updater's.
const UPDATES_PER_MINUTE: f64 = 1.0;

/// The costs of one API process.
#[derive(Debug)]
pub(crate) struct Capacity {
    /// Microseconds.
    pub(crate) cpu_per_request: f64,
    /// Bytes, without a connection.
    pub(crate) idle: f64,
    /// Bytes.
    pub(crate) per_connection: f64,
    /// Bytes.
    pub(crate) per_stream: f64,
    /// What Redis gets in a minute without an update.
    pub(crate) idle_commands: f64,
}

impl Capacity {
    /// The model, in Markdown.
    pub(crate) fn model(&self) -> String {
        let per_core = 1e6 / self.cpu_per_request;
        let in_a_gigabyte = |bytes: f64| number(((1e9 - self.idle) / bytes / 1e3).floor() * 1e3);
        let text = format!(
            "- One core answers {} requests/s ({} µs each); planned with half of that.\n\
             - One GB of memory holds {} idle keep-alive connections ({} KiB each), or {} streams ({} KiB each).\n\
             - Redis gets {} commands a minute from a replica, and one more for each update",
            thousands(per_core),
            number(self.cpu_per_request),
            in_a_gigabyte(self.per_connection),
            number(self.per_connection / KIB),
            in_a_gigabyte(self.per_stream),
            number(self.per_stream / KIB),
            number(self.idle_commands),
        );
        let line = |rate: f64| {
            let cores = rate / (per_core * USED);
            let replicas = cores.ceil().max(2.0);
            // An update is one MSET, and one MGET from each replica.
            let commands = UPDATES_PER_MINUTE * (1.0 + replicas) + replicas * self.idle_commands;
            [thousands(rate), number(cores), number(replicas), number(commands)]
        };
        let header =
            ["requests/s", "cores, each half used", "replicas of one core, at least two", "Redis commands a minute"];
        format!("{text}.\n\n{}", table(header, [1e3, 1e5, 1e6].map(line)))
    }
}

/// Rounded down to a thousand.
fn thousands(number: f64) -> String {
    format!("{:.0} k", (number / 1e3).floor())
}
