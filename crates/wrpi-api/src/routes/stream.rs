//! `GET /v0/wrpi/stream`: each new reading as a server-sent event (HTML Living Standard, section 9.2).
//!
//! Each event is rendered once for all streams. A client that reads slowly misses readings and gets the latest one next,
//! so it takes no memory and delays no other client.
//!
//! Over HTTP/1, `hyper` sends the head and the first event. The server sends the rest itself, over HTTP/1.1 as chunks
//! (RFC 9112, section 7.1).

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{iter, poll_fn, unfold};
use futures_util::{Stream, StreamExt};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, Version};
use hyper::body::Bytes;
use prometheus::IntGauge;
use tokio::sync::watch;
use tokio::time::{Sleep, sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::auth::Authenticated;
use crate::connect_info::ConnectInfo;
use crate::error::ApiError;
use crate::middleware::strict_http;
use crate::snapshot::{Part, Snapshot};
use crate::state::AppState;

/// A comment. It keeps proxies from closing a quiet stream.
const HEARTBEAT: Part = Part { event: Bytes::from_static(b":\n\n"), chunk: Bytes::from_static(b"3\r\n:\n\n\r\n") };
const LAST_CHUNK: Bytes = Bytes::from_static(b"0\r\n\r\n");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Without this header, nginx and similar proxies delay events to fill a buffer.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Sends the latest reading unless the client has it, and then each new one.
pub(super) async fn stream(
    _: Authenticated,
    State(state): State<Arc<AppState>>,
    Extension(connection): Extension<Arc<ConnectInfo>>,
    version: Version,
    request: HeaderMap,
) -> Result<Response, ApiError> {
    if state.latest.borrow().is_none() {
        return Err(ApiError::NoReading);
    }
    let mut latest = state.latest.subscribe();
    latest.mark_changed();
    let events = Events {
        latest,
        last_seen: request.get(LAST_EVENT_ID).map(|id| Bytes::copy_from_slice(id.as_bytes())),
        heartbeat: state.heartbeat,
        last_sent: Instant::now(),
        timer: Box::pin(sleep(state.heartbeat)),
        stopping: Box::pin(state.stopping.clone().cancelled_owned()),
        _open: Open::new(&state.metrics.streams),
    };
    // no-transform: a proxy that compresses the response would delay events to fill its buffer.
    let headers =
        [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store, no-transform"), (X_ACCEL_BUFFERING, "no")];
    if version >= Version::HTTP_2 {
        let touch = move |_: &Part| connection.touch(Instant::now());
        let body = events.into_stream().inspect(touch).map(|part| Ok::<_, Infallible>(part.event));
        return Ok((headers, Body::from_stream(body)).into_response());
    }
    let body = events.handed_over(connection, version == Version::HTTP_11);
    let mut response = (headers, Body::from_stream(body)).into_response();
    strict_http::close(response.headers_mut());
    Ok(response)
}

/// One stream.
struct Events {
    latest: watch::Receiver<Option<Arc<Snapshot>>>,
    last_seen: Option<Bytes>,
    heartbeat: Duration,
    last_sent: Instant,
    /// For the heartbeat. An event does not touch it: if it fires too early, it is set again.
    timer: Pin<Box<Sleep>>,
    stopping: Pin<Box<WaitForCancellationFutureOwned>>,
    _open: Open,
}

impl Events {
    /// The first event. Hands the rest to `connection`, as chunks if the client knows them.
    fn handed_over(
        mut self,
        connection: Arc<ConnectInfo>,
        is_chunked: bool,
    ) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static {
        let first = self.unseen().map(|part| Ok(part.event));
        let last = iter(is_chunked.then_some(LAST_CHUNK));
        let encode = move |part: Part| if is_chunked { part.chunk } else { part.event };
        let mut rest = Some(self.into_stream().map(encode).chain(last).boxed());
        iter(first).chain(poll_fn(move |_| {
            if let Some(rest) = rest.take() {
                connection.set_stream(rest);
            }
            Poll::Pending
        }))
    }

    fn into_stream(self) -> impl Stream<Item = Part> + Send + 'static {
        unfold(self, async |mut events| Some((events.next().await?, events)))
    }

    /// The next part; `None` at the end. Called only when the client is ready to receive.
    async fn next(&mut self) -> Option<Part> {
        loop {
            let part = tokio::select! {
                biased;
                () = &mut self.stopping => return None,
                changed = self.latest.changed() => {
                    changed.ok()?;
                    self.unseen()
                }
                () = &mut self.timer => {
                    let is_due = self.last_sent.elapsed() >= self.heartbeat;
                    let start = if is_due { Instant::now() } else { self.last_sent };
                    self.timer.as_mut().reset((start + self.heartbeat).into());
                    is_due.then_some(HEARTBEAT)
                }
            };
            if part.is_some() {
                self.last_sent = Instant::now();
                return part;
            }
        }
    }

    /// The latest event, unless the client has it.
    fn unseen(&mut self) -> Option<Part> {
        let snapshot = self.latest.borrow_and_update().clone()?;
        self.last_seen.take().is_none_or(|seen| seen != snapshot.id).then(|| snapshot.part.clone())
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
