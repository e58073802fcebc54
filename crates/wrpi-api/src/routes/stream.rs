//! `GET /v0/wrpi/stream`. Over HTTP/1, `hyper` sends the head and the first event, and the server sends the rest itself.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{iter, poll_fn, unfold};
use futures_util::{Stream, StreamExt};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, Version};
use hyper::body::Bytes;

use crate::auth::Authenticated;
use crate::connect_info::{ConnectInfo, Rest};
use crate::error::ApiError;
use crate::events::Events;
use crate::middleware::strict_http;
use crate::state::AppState;

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
    let last_seen = request.get(LAST_EVENT_ID).map(|id| Bytes::copy_from_slice(id.as_bytes()));
    let (latest, stopping) = (state.latest.subscribe(), state.stopping.clone());
    let events = Events::new(latest, last_seen, state.heartbeat, stopping, &state.metrics.streams);
    // no-transform: a proxy that compresses the response would delay events to fill its buffer.
    let headers =
        [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store, no-transform"), (X_ACCEL_BUFFERING, "no")];
    if version >= Version::HTTP_2 {
        return Ok((headers, Body::from_stream(whole(events, connection))).into_response());
    }
    let mut response =
        (headers, Body::from_stream(first(events, connection, version == Version::HTTP_11))).into_response();
    strict_http::close(response.headers_mut());
    Ok(response)
}

/// All events.
fn whole(events: Events, connection: Arc<ConnectInfo>) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    unfold((events, connection), async |(mut events, connection)| {
        let part = events.next().await?;
        connection.touch(Instant::now());
        Some((Ok(part.event), (events, connection)))
    })
}

/// The first event. Hands the rest to `connection`, as chunks if the client knows them.
fn first(
    mut events: Events,
    connection: Arc<ConnectInfo>,
    is_chunked: bool,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    let first = events.due(Instant::now()).map(|part| Ok(part.event));
    let mut rest = Some(Rest { events, is_chunked });
    iter(first).chain(poll_fn(move |_| {
        if let Some(rest) = rest.take() {
            connection.set_stream(rest);
        }
        Poll::Pending
    }))
}
