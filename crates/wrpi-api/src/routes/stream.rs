//! `GET /v0/wrpi/stream`. Over HTTP/1, `hyper` sends the head and the first event, and the server sends the others.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use axum::body::Body;
use futures_util::stream::{iter, poll_fn, unfold};
use futures_util::{Stream, StreamExt};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Request, Response, Version};
use http_body_util::Either;
use hyper::body::{Bytes, Incoming};

use super::RouteResult;
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
pub(super) fn stream(
    state: &AppState,
    request: &Request<Incoming>,
    connection: &Arc<ConnectInfo>,
    _: Authenticated,
) -> RouteResult {
    if state.latest.borrow().is_none() {
        return Err(ApiError::NoReading);
    }
    let last_seen = request.headers().get(LAST_EVENT_ID).map(|id| Bytes::copy_from_slice(id.as_bytes()));
    let (latest, stopping) = (state.latest.subscribe(), state.stopping.clone());
    let events = Events::new(latest, last_seen, state.heartbeat, stopping, &state.metrics.streams);
    let (version, connection) = (request.version(), connection.clone());
    let is_http1 = version < Version::HTTP_2;
    let body = if is_http1 {
        Body::from_stream(first(events, connection, version == Version::HTTP_11))
    } else {
        Body::from_stream(whole(events, connection))
    };
    let mut response = Response::new(Either::Right(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // no-transform: a proxy that compresses the response would delay events to fill its buffer.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    if is_http1 {
        strict_http::close(headers);
    }
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

/// The first event. Then hands the stream to `connection`, for the server to write: in chunks, or as they are for a client
/// of HTTP/1.0.
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
