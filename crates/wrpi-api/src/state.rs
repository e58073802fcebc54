//! The state that handlers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use http::HeaderMap;
use prometheus::Registry;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::error;
use wrpi_core::Reading;

use crate::auth::{Authenticator, Passwords};
use crate::metrics::Metrics;
use crate::middleware::common_headers;
use crate::middleware::cors::AllowedOrigins;
use crate::settings::AccessSettings;
use crate::snapshot::Snapshot;

/// Time without an event after which a stream gets a heartbeat, up to a second late. If the client has disappeared, the
/// kernel gets no acknowledgment of it and ends the connection: within 30 seconds of the client's last acknowledgment, on
/// Linux (see `server::listen`).
const HEARTBEAT: Duration = Duration::from_secs(6);

/// The latest reading, the authenticator, the metrics, and whether the API is stopping.
pub struct AppState {
    readings: watch::Receiver<Option<Reading>>,
    /// The latest of `readings`, rendered.
    pub(crate) latest: watch::Sender<Option<Arc<Snapshot>>>,
    pub(crate) authenticator: Authenticator,
    pub(crate) origins: AllowedOrigins,
    /// The headers of every response. A snapshot already contains them, so a request only clones it.
    pub(crate) common: HeaderMap,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) heartbeat: Duration,
    is_stopping: AtomicBool,
    /// Ends the streams.
    pub(crate) stopping: CancellationToken,
}

impl AppState {
    /// An API that accepts `passwords` and serves the latest of `readings`. Its metrics are in `registry`.
    ///
    /// # Errors
    ///
    /// When `registry` already has metrics of the same names.
    pub fn new(
        passwords: Passwords,
        access: AccessSettings,
        readings: watch::Receiver<Option<Reading>>,
        registry: Registry,
    ) -> Result<Self, prometheus::Error> {
        let AccessSettings { throttle, client_ip, origins } = access;
        let metrics = Arc::new(Metrics::register(registry, readings.clone())?);
        Ok(Self {
            readings,
            latest: watch::Sender::new(None),
            authenticator: Authenticator::new(passwords, throttle, client_ip, metrics.clone()),
            common: common_headers(&origins),
            origins,
            metrics,
            heartbeat: HEARTBEAT,
            is_stopping: AtomicBool::new(false),
            stopping: CancellationToken::new(),
        })
    }

    /// Renders each reading when it arrives. Never returns, not even when the task that sends readings has ended: the
    /// process then ends because of that task, and the log must name it and not this one.
    pub(crate) async fn follow_readings(self: Arc<Self>) {
        let mut readings = self.readings.clone();
        loop {
            let reading = *readings.borrow_and_update();
            match reading.map(|reading| Snapshot::render(reading, SystemTime::now(), &self.common)).transpose() {
                Ok(snapshot) => drop(self.latest.send_replace(snapshot.map(Arc::new))),
                Err(error) => error!(%error, "cannot render the reading, serving the previous one"),
            }
            if readings.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// From now on the API is not ready, every response closes its connection, and streams end.
    pub(crate) fn stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
        self.stopping.cancel();
    }

    /// Whether [`AppState::stop`] was called. Every request checks this. Unlike the token, it takes no lock.
    pub(crate) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }
}
