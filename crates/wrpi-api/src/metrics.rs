//! The API's metrics, for Prometheus.

// The `prometheus` crate reads the process's metrics in /proc.
#[cfg(target_os = "linux")]
mod process;
mod reading;

use std::time::Duration;

use http::{Method, StatusCode};
use prometheus::core::Collector;
use prometheus::{
    Error, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};
use tokio::sync::watch;
use wrpi_core::Reading;

/// The route of the latest reading, which nearly all requests are for.
pub(crate) const READING: &str = "/v0/wrpi";
/// The routes of probes, for [`Metrics::count_probe`].
pub(crate) const LIVEZ: &str = "/livez";
pub(crate) const READYZ: &str = "/readyz";

/// The usual statuses of a GET of the reading. Their counters are kept, so that a request needs no look-up by label.
const OUTCOMES: [u16; 5] = [200, 304, 401, 429, 503];
/// Upper bounds in seconds.
const BUCKETS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0];

/// The HTTP metrics, and the registry of all metrics.
pub(crate) struct Metrics {
    pub(crate) registry: Registry,
    requests: IntCounterVec,
    probes: IntCounterVec,
    durations: HistogramVec,
    reading_outcomes: [IntCounter; OUTCOMES.len()],
    reading_duration: Histogram,
    connections: IntGaugeVec,
    connections_refused: IntCounterVec,
    connections_max: IntGaugeVec,
    connections_evicted: IntCounterVec,
    connections_closed: IntCounterVec,
    pub(crate) auth_failures: IntCounter,
    pub(crate) auth_previous_password: IntCounter,
    pub(crate) auth_throttled: IntCounter,
    pub(crate) streams: IntGauge,
}

/// The connection metrics of one listener.
pub(crate) struct ConnectionMetrics {
    pub(crate) active: IntGauge,
    pub(crate) refused: IntCounter,
    pub(crate) evicted: IntCounter,
    pub(crate) half_closed: IntCounter,
    pub(crate) idle: IntCounter,
    pub(crate) unacknowledged: IntCounter,
    pub(crate) failed: IntCounter,
}

impl Metrics {
    /// Registers the metrics. Those of the reading are taken from `readings` at each scrape.
    ///
    /// # Errors
    ///
    /// When `registry` already has metrics of the same names.
    pub(crate) fn register(registry: Registry, readings: watch::Receiver<Option<Reading>>) -> Result<Self, Error> {
        let counter = |name, help| registered(&registry, IntCounter::new(name, help));
        let counters =
            |name, help, labels: &[&str]| registered(&registry, IntCounterVec::new(Opts::new(name, help), labels));
        let gauges =
            |name, help, labels: &[&str]| registered(&registry, IntGaugeVec::new(Opts::new(name, help), labels));
        let requests =
            counters("http_requests_total", "Requests by method, route and status.", &["method", "route", "status"])?;
        let probes = counters("wrpi_probes_total", "Answered probes by route and status.", &["route", "status"])?;
        for labels in [[LIVEZ, "200"], [READYZ, "200"], [READYZ, "503"]] {
            probes.with_label_values(&labels);
        }
        let durations = HistogramOpts::new(
            "http_request_duration_seconds",
            "Time from receiving the request headers to sending the response headers.",
        );
        let durations = registered(&registry, HistogramVec::new(durations.buckets(BUCKETS.to_vec()), &["route"]))?;
        let build = gauges(
            "wrpi_build_info",
            "Always 1, with the version and the commit of the build.",
            &["version", "commit"],
        )?;
        let commit = option_env!("WRPI_COMMIT").filter(|commit| !commit.is_empty()).unwrap_or("unknown");
        build.with_label_values(&[env!("CARGO_PKG_VERSION"), commit]).set(1);
        registry.register(Box::new(reading::LatestReading::new(readings)?))?;
        #[cfg(target_os = "linux")]
        registry.register(Box::new(process::Process::new()))?;
        Ok(Self {
            reading_outcomes: OUTCOMES.map(|code| requests.with_label_values(&["GET", READING, &code.to_string()])),
            reading_duration: durations.with_label_values(&[READING]),
            requests,
            probes,
            durations,
            connections: gauges("http_connections_active", "Open connections.", &["listener"])?,
            connections_refused: counters(
                "http_connections_refused_total",
                "New connections closed because the limit was reached and all were authenticated.",
                &["listener"],
            )?,
            connections_max: gauges("http_connections_max", "Maximum open connections.", &["listener"])?,
            connections_evicted: counters(
                "http_connections_evicted_total",
                "Unauthenticated connections closed in favor of new ones because the connection limit was reached.",
                &["listener"],
            )?,
            connections_closed: counters(
                "http_connections_closed_total",
                "Connections that ended early, by reason: idle, unacknowledged (the kernel got no acknowledgment), \
                 half_closed (in favor of new ones, at the connection limit), error (the client broke TLS, HTTP/1 or \
                 HTTP/2, or reset the connection).",
                &["listener", "reason"],
            )?,
            auth_failures: counter("wrpi_auth_failures_total", "Requests without a valid password.")?,
            auth_previous_password: counter(
                "wrpi_auth_previous_password_total",
                "Requests authenticated with the previous password.",
            )?,
            auth_throttled: counter(
                "wrpi_auth_throttled_total",
                "Requests refused because their client had tried too many passwords.",
            )?,
            streams: registered(&registry, IntGauge::new("wrpi_streams_active", "Open streams of readings."))?,
            registry,
        })
    }

    /// The connection metrics of `listener`, whose connection limit is `max`.
    pub(crate) fn connections(&self, listener: &str, max: usize) -> ConnectionMetrics {
        self.connections_max.with_label_values(&[listener]).set(i64::try_from(max).unwrap_or(i64::MAX));
        let closed = |reason| self.connections_closed.with_label_values(&[listener, reason]);
        ConnectionMetrics {
            active: self.connections.with_label_values(&[listener]),
            refused: self.connections_refused.with_label_values(&[listener]),
            evicted: self.connections_evicted.with_label_values(&[listener]),
            half_closed: closed("half_closed"),
            idle: closed("idle"),
            unacknowledged: closed("unacknowledged"),
            failed: closed("error"),
        }
    }

    /// Counts a probe of [`LIVEZ`] or [`READYZ`].
    pub(crate) fn count_probe(&self, route: &'static str, status: StatusCode) {
        self.probes.with_label_values(&[route, status.as_str()]).inc();
    }

    /// Creates the series of a route's failures: `rate()` does not see the first increase of a series that begins with
    /// an error.
    pub(crate) fn start_at_zero(&self, route: &str) {
        for method in ["GET", "HEAD"] {
            self.requests.with_label_values(&[method, route, "503"]);
        }
    }

    /// Counts a request.
    pub(crate) fn count(&self, method: &Method, route: &str, status: StatusCode, duration: Duration) {
        let seconds = duration.as_secs_f64();
        if route == READING && method == Method::GET {
            self.reading_duration.observe(seconds);
            if let Some(outcome) = OUTCOMES.iter().position(|code| status == *code) {
                return self.reading_outcomes[outcome].inc();
            }
        } else {
            self.durations.with_label_values(&[route]).observe(seconds);
        }
        self.requests.with_label_values(&[method_label(method), route, status.as_str()]).inc();
    }
}

/// Registers `metric`.
fn registered<M: Collector + Clone + 'static>(registry: &Registry, metric: Result<M, Error>) -> Result<M, Error> {
    let metric = metric?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}
