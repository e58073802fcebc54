//! `GET /v0/wrpi/stream`: each reading when it arrives, as server-sent events (HTML Living Standard, section 9.2).
//!
//! Each event is rendered once for all streams. A slow reader gets the latest reading as soon as it has room for it and
//! misses those in between: it costs no memory and delays nobody.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use futures_util::stream::unfold;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName};
use hyper::body::Bytes;
use prometheus::IntGauge;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::auth::Authenticated;
use crate::connect_info::ConnectInfo;
use crate::error::ApiError;
use crate::snapshot::Snapshot;
use crate::state::AppState;

/// A comment, which keeps a silent stream open on its way through proxies.
const HEARTBEAT: Bytes = Bytes::from_static(b":\n\n");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Without it, nginx and similar proxies hold events back to fill a buffer.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Sends the latest reading at once, unless the client has it, and then each new one.
pub(super) async fn stream(
    _: Authenticated,
    State(state): State<Arc<AppState>>,
    Extension(connection): Extension<Arc<ConnectInfo>>,
    request: HeaderMap,
) -> Result<Response, ApiError> {
    if state.latest.borrow().is_none() {
        return Err(ApiError::NoReading);
    }
    let events = Events {
        latest: state.latest.subscribe(),
        last_seen: request.get(LAST_EVENT_ID).map(|id| Bytes::copy_from_slice(id.as_bytes())),
        heartbeat: state.heartbeat,
        stopping: state.stopping.clone(),
        connection,
        _open: Open::new(&state.metrics.streams),
    };
    // A proxy that compresses an answer holds events back to fill its buffer; no-transform forbids it.
    let headers =
        [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store, no-transform"), (X_ACCEL_BUFFERING, "no")];
    Ok((headers, Body::from_stream(events.into_stream())).into_response())
}

/// One stream.
struct Events {
    latest: watch::Receiver<Option<Arc<Snapshot>>>,
    last_seen: Option<Bytes>,
    heartbeat: Duration,
    stopping: CancellationToken,
    connection: Arc<ConnectInfo>,
    _open: Open,
}

impl Events {
    fn into_stream(mut self) -> impl Stream<Item = Result<Bytes, std::convert::Infallible>> + Send + 'static {
        self.latest.mark_changed();
        unfold(self, async |mut events| Some((Ok(events.next().await?), events)))
    }

    /// The next part of the body; `None` at the end. It is only asked for while the client has room for it.
    async fn next(&mut self) -> Option<Bytes> {
        self.connection.touch(Instant::now());
        let stopping = self.stopping.clone();
        tokio::select! {
            biased;
            () = stopping.cancelled() => None,
            event = timeout(self.heartbeat, self.news()) => event.unwrap_or(Some(HEARTBEAT)),
        }
    }

    /// The next event that the client has not seen.
    async fn news(&mut self) -> Option<Bytes> {
        loop {
            self.latest.changed().await.ok()?;
            let Some(snapshot) = self.latest.borrow_and_update().clone() else { continue };
            if self.last_seen.take().is_none_or(|seen| seen != snapshot.id) {
                return Some(snapshot.event.clone());
            }
        }
    }
}

/// Counts an open stream until it is dropped.
struct Open(IntGauge);

impl Open {
    fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}
