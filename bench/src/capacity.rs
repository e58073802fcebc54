//! The capacity of a cluster, calculated from the measured costs.

use crate::machine::KIB;
use crate::report::{number, table};

/// The fraction of its core that a pod uses. The rest absorbs peaks and uneven load balancing, and keeps responses
/// fast.
const UTILIZATION: f64 = 0.5;
/// `MAX_CONNECTIONS` of a pod in `k8s/base`.
const STREAMS_PER_POD: f64 = 5_000.0;
/// Replicas of the API in `k8s/base`.
const MIN_PODS: f64 = 2.0;

/// The costs of one API process.
#[derive(Debug)]
pub(crate) struct Capacity {
    /// CPU time in microseconds.
    pub(crate) cpu_per_request: f64,
    /// Bytes of memory without connections.
    pub(crate) idle: f64,
    /// Bytes of memory.
    pub(crate) per_connection: f64,
    /// Bytes of memory.
    pub(crate) per_stream: f64,
    /// Redis commands in a minute without an update.
    pub(crate) idle_commands: f64,
    /// CPU time of Redis in a minute with one update, in milliseconds.
    pub(crate) redis_cpu: f64,
}

impl Capacity {
    /// The model, in Markdown.
    pub(crate) fn model(&self) -> String {
        let requests_per_core = 1e6 / self.cpu_per_request;
        let streams = [(1e4, "10 k"), (1e6, "1 M"), (1e8, "100 M")].map(|(count, name)| {
            let pods = (count / STREAMS_PER_POD).max(MIN_PODS).ceil();
            self.line(format!("{name} open pages"), pods, count * self.per_stream)
        });
        let requests = [(1e3, "1 k"), (1e5, "100 k"), (1e6, "1 M"), (1e7, "10 M")].map(|(rate, name)| {
            let pods = (rate / (requests_per_core * UTILIZATION)).max(MIN_PODS).ceil();
            self.line(format!("{name} requests/s"), pods, 0.0)
        });
        let header = ["load", "one-core pods", "memory", "Redis commands per minute", "Redis CPU, share of a core"];
        format!(
            "One core answers {:.0} k requests/s. A GB of memory holds {:.0} k idle connections or {:.0} k streams.\n\n{}",
            requests_per_core / 1e3,
            (1e9 - self.idle) / self.per_connection / 1e3,
            (1e9 - self.idle) / self.per_stream / 1e3,
            table(header, streams.into_iter().chain(requests)),
        )
    }

    fn line(&self, load: String, pods: f64, connections: f64) -> [String; 5] {
        let memory = (pods * self.idle + connections) / KIB.powi(3);
        // One update per minute causes one MSET by the updater and one MGET by each replica.
        let commands = 1.0 + pods * (1.0 + self.idle_commands);
        let redis = 100.0 * pods * self.redis_cpu / 60_000.0;
        [load, number(pods), format!("{} GiB", number(memory)), number(commands), format!("{} %", number(redis))]
    }
}
