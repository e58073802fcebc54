//! What the handlers share, and the answer to a request for the reading.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::response::Response;
use http::header::{CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue};
use http_body_util::Full;
use hyper::body::Bytes;
use prometheus::Registry;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wrpi_core::Reading;

use crate::auth::{Authenticated, Authenticator, Passwords};
use crate::cors::AllowedOrigins;
use crate::error::ApiError;
use crate::guesses::Guesses;
use crate::metrics::Metrics;
use crate::serve::Activity;
use crate::settings::AccessSettings;
use crate::snapshot::{self, Snapshot};
use crate::stream::HEARTBEAT;

/// The API: who is let in, and the latest reading.
pub struct Api {
    authenticator: Authenticator,
    pub(crate) latest: watch::Receiver<Option<Arc<Snapshot>>>,
    pub(crate) origins: AllowedOrigins,
    pub(crate) metrics: Metrics,
    /// On the answers made before the router.
    pub(crate) common: HeaderMap,
    /// The answer to strangers, made once: they may be many.
    pub(crate) unauthenticated: Response<Full<Bytes>>,
    stopping: AtomicBool,
    /// The longest silence on a stream.
    pub(crate) heartbeat: Duration,
    /// Ends the streams.
    pub(crate) stop_streams: CancellationToken,
}

impl Api {
    /// An API that admits `passwords` and serves the latest of `readings`. Needs a tokio runtime.
    ///
    /// # Errors
    ///
    /// When `registry` has metrics of the same names already.
    pub fn new(
        passwords: Passwords,
        access: AccessSettings,
        readings: watch::Receiver<Option<Reading>>,
        registry: &Registry,
    ) -> Result<Self, prometheus::Error> {
        let AccessSettings { throttle, client_ip, origins } = access;
        let metrics = Metrics::register(registry, readings.clone())?;
        let mut common = origins.headers();
        common.extend(security_headers());
        let mut unauthenticated = ApiError::Unauthenticated.response();
        unauthenticated.headers_mut().extend(common.clone());
        Ok(Self {
            unauthenticated,
            authenticator: Authenticator { passwords, guesses: throttle.and_then(Guesses::new), client_ip },
            latest: snapshot::render(readings, common.clone()),
            common,
            origins,
            metrics,
            heartbeat: HEARTBEAT,
            stopping: AtomicBool::new(false),
            stop_streams: CancellationToken::new(),
        })
    }

    /// From now on it is not ready, every answer is the last on its connection, and streams end.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.stop_streams.cancel();
    }

    /// Whether [`Api::stop`] was called.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Lets a request in that came on the connection of `activity`, and counts whether it was.
    pub(crate) fn admit(&self, headers: &HeaderMap, activity: &Activity) -> Result<Authenticated, ApiError> {
        let admitted = self.authenticator.admit(headers, activity.peer());
        match &admitted {
            Ok(_) => activity.admitted(),
            Err(ApiError::Unauthenticated) => self.metrics.auth_failures.inc(),
            Err(ApiError::Throttled(_)) => self.metrics.auth_throttled.inc(),
            _ => {}
        }
        admitted
    }

    /// The answer to GET or HEAD `/v0/wrpi` with the headers `request`.
    pub(crate) fn reading(&self, _: Authenticated, request: &HeaderMap) -> Result<Response<Full<Bytes>>, ApiError> {
        self.latest.borrow().as_ref().map(|latest| latest.respond(request)).ok_or(ApiError::NoReading)
    }
}

/// On every answer: nothing here is a page, whatever a browser may think.
pub(crate) fn security_headers() -> [(http::HeaderName, HeaderValue); 2] {
    [
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    ]
}
