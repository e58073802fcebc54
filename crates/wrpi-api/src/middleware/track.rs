//! Counts every answered request and logs it: at `debug`, or at `warn` if it failed.

use std::time::Instant;

use http::{Request, StatusCode};
use tracing::{Level, debug, enabled, warn};

use super::request_id;
use crate::metrics::Metrics;

/// Records the response to a request that was received at `began`.
pub(crate) fn record<B>(metrics: &Metrics, request: &Request<B>, route: &str, status: StatusCode, began: Instant) {
    let (method, duration) = (request.method(), began.elapsed());
    metrics.count(method, route, status, duration);
    if !status.is_server_error() && !enabled!(Level::DEBUG) {
        return;
    }
    let request_id = request_id::of(request.headers()).and_then(|id| id.to_str().ok());
    let (status_code, duration_us) = (status.as_u16(), duration.as_micros() as u64);
    if status.is_server_error() {
        warn!(%method, route, status = status_code, duration_us, request_id, "request failed");
    } else {
        debug!(%method, route, status = status_code, duration_us, request_id, "request answered");
    }
}
