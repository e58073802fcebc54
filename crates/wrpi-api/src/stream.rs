//! Readings as they come: a stream of server-sent events (HTML Living Standard, section 9.2).
//!
//! Each event is rendered once for all streams. A slow reader gets the latest reading when it is ready for one: the
//! ones between are passed over, so that it costs no memory and holds nobody up.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
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

use crate::api::Api;
use crate::auth::Authenticated;
use crate::error::ApiError;
use crate::snapshot::Snapshot;

/// The longest silence: a comment then tells the client, and whatever stands between, that the stream lives.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(15);
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// nginx and its like would hold events back to fill a buffer.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// `GET /v0/wrpi/stream`: the current reading at once, unless the client has it already, and each new one.
pub(crate) async fn stream(
    _: Authenticated,
    State(api): State<Arc<Api>>,
    request: HeaderMap,
) -> Result<Response, ApiError> {
    if api.latest.borrow().is_none() {
        return Err(ApiError::NoReading);
    }
    let last_seen = request.get(LAST_EVENT_ID).map(|id| Bytes::copy_from_slice(id.as_bytes()));
    let events = Events {
        latest: api.latest.clone(),
        last_seen,
        heartbeat: api.heartbeat,
        stop: api.stop_streams.clone(),
        _open: Open::new(&api.metrics.streams),
    };
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store"), (X_ACCEL_BUFFERING, "no")];
    Ok((headers, Body::from_stream(events.into_stream())).into_response())
}

/// One stream.
struct Events {
    latest: watch::Receiver<Option<Arc<Snapshot>>>,
    last_seen: Option<Bytes>,
    heartbeat: Duration,
    stop: CancellationToken,
    _open: Open,
}

impl Events {
    fn into_stream(mut self) -> impl Stream<Item = Result<Bytes, std::convert::Infallible>> + Send + 'static {
        self.latest.mark_changed();
        unfold(self, async |mut events| Some((Ok(events.next().await?), events)))
    }

    /// What is to be sent next; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        let stop = self.stop.clone();
        tokio::select! {
            biased;
            () = stop.cancelled() => None,
            news = timeout(self.heartbeat, self.news()) => match news {
                Ok(event) => event,
                Err(_silence) => Some(Bytes::from_static(b":\n\n")),
            },
        }
    }

    /// The next event that the client has not seen.
    async fn news(&mut self) -> Option<Bytes> {
        loop {
            self.latest.changed().await.ok()?;
            let Some(snapshot) = self.latest.borrow_and_update().clone() else { continue };
            if self.last_seen.take().is_none_or(|seen| seen != snapshot.etag) {
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
