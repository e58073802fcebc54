//! Counts every answered request and logs it: at `debug`, or at `warn` if it failed.

use std::time::Instant;

use http::{HeaderValue, Method, Request, StatusCode};
use tracing::{Level, debug, enabled, warn};

use crate::metrics::Metrics;
use crate::paths;

/// A request that is being answered.
pub(crate) struct Tracked {
    began: Instant,
    method: Method,
    route: &'static str,
}

impl Tracked {
    /// Starts to track a request that was received at `now`.
    pub(crate) fn begin<B>(request: &Request<B>, now: Instant) -> Self {
        Self { began: now, method: request.method().clone(), route: paths::label(request.uri().path()) }
    }

    /// The path if it is public, else `other`.
    pub(crate) fn route(&self) -> &'static str {
        self.route
    }

    pub(crate) fn end(self, metrics: &Metrics, status: StatusCode, request_id: Option<&HeaderValue>) {
        let Self { began, method, route } = self;
        let duration = began.elapsed();
        metrics.count(&method, route, status, duration);
        if !status.is_server_error() && !enabled!(Level::DEBUG) {
            return;
        }
        let request_id = request_id.and_then(|id| id.to_str().ok());
        let (status_code, duration_us) = (status.as_u16(), duration.as_micros() as u64);
        if status.is_server_error() {
            warn!(%method, route, status = status_code, duration_us, request_id, "request failed");
        } else {
            debug!(%method, route, status = status_code, duration_us, request_id, "request answered");
        }
    }
}
