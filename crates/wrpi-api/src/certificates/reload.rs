//! Follows the files of the certificate.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus::{IntCounterVec, IntGauge, Opts, Registry};
use tokio::time::sleep;
use tracing::{info, warn};

use super::Certificates;

/// Interval at which the files are compared with the pair in use. Only their content shows a change: a mounted Secret is
/// updated by replacing a symbolic link above them.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);
/// A pair is refused after this many checks with the same error. Until then, one of its files may still be missing.
const FAILED_CHECKS: u32 = 3;

/// Follows the files and never returns. New connections use a valid new pair. An invalid pair is logged and counted
/// once, and the old pair stays in use.
pub(crate) async fn follow(certificates: Certificates, metrics: Metrics) {
    metrics.expires_at.set(certificates.expires_at());
    if let Err(error) = certificates.check_time(now()) {
        warn!(%error, "the certificate is not valid now, so clients will refuse it");
    }
    let mut failure = (String::new(), 0);
    loop {
        sleep(CHECK_INTERVAL).await;
        match certificates.reload(now()) {
            Ok(false) => failure.1 = 0,
            Ok(true) => {
                failure.1 = 0;
                let expires_at = certificates.expires_at();
                info!(expires_at, "certificate replaced");
                metrics.expires_at.set(expires_at);
                metrics.reloads.with_label_values(&["ok"]).inc();
            }
            Err(error) => {
                let error = error.to_string();
                let checks = if failure.0 == error { failure.1 + 1 } else { 1 };
                if checks == FAILED_CHECKS {
                    warn!(error, "new certificate refused, the old one stays in use");
                    metrics.reloads.with_label_values(&["failed"]).inc();
                }
                failure = (error, checks);
            }
        }
    }
}

/// Seconds since 1970.
fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

/// The metrics of certificates.
pub(crate) struct Metrics {
    expires_at: IntGauge,
    reloads: IntCounterVec,
}

impl Metrics {
    /// # Errors
    ///
    /// If `registry` already has metrics with the same names.
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            expires_at: IntGauge::new(
                "wrpi_tls_certificate_expiry_timestamp_seconds",
                "When the certificate in use expires, in seconds since 1970.",
            )?,
            reloads: IntCounterVec::new(
                Opts::new("wrpi_tls_reloads_total", "Attempts to use a new certificate, by result."),
                &["result"],
            )?,
        };
        registry.register(Box::new(metrics.expires_at.clone()))?;
        registry.register(Box::new(metrics.reloads.clone()))?;
        for result in ["ok", "failed"] {
            metrics.reloads.with_label_values(&[result]);
        }
        Ok(metrics)
    }
}

#[cfg(test)]
mod tests;
