//! What the measured costs mean for a cluster.

use crate::machine::KIB;
use crate::report::{number, table};

/// How much of a core is used. The rest is for peaks, for connections that a load balancer spreads unevenly, and keeps
/// responses fast.
const USED: f64 = 0.5;
/// `MAX_CONNECTIONS` of a pod in `k8s/base`.
const STREAMS_PER_POD: f64 = 5_000.0;
/// Replicas of the API in `k8s/base`.
const LEAST_PODS: f64 = 2.0;

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
    /// Milliseconds of Redis's CPU time in a minute with an update.
    pub(crate) redis_cpu: f64,
}

impl Capacity {
    /// The model, in Markdown.
    pub(crate) fn model(&self) -> String {
        let requests_per_core = 1e6 / self.cpu_per_request;
        let streams = [(1e4, "10 k"), (1e6, "1 M"), (1e8, "100 M")].map(|(count, name)| {
            let pods = (count / STREAMS_PER_POD).max(LEAST_PODS).ceil();
            self.line(format!("{name} open pages"), pods, count * self.per_stream)
        });
        let requests = [(1e3, "1 k"), (1e5, "100 k"), (1e6, "1 M"), (1e7, "10 M")].map(|(rate, name)| {
            let pods = (rate / (requests_per_core * USED)).max(LEAST_PODS).ceil();
            self.line(format!("{name} requests/s"), pods, 0.0)
        });
        let header = ["load", "pods of one core", "memory", "Redis commands a minute", "of a core for Redis"];
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
        // An update a minute is one MSET, and one MGET from each replica.
        let commands = 1.0 + pods * (1.0 + self.idle_commands);
        let redis = 100.0 * pods * self.redis_cpu / 60_000.0;
        [load, number(pods), format!("{} GiB", number(memory)), number(commands), format!("{} %", number(redis))]
    }
}
