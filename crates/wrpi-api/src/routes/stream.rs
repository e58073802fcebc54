//! `GET /v0/wrpi/stream`: each new reading as an event.

use std::sync::Arc;

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Request, Response, Version};
use http_body_util::Either;
use hyper::body::{Bytes, Incoming};

use super::RouteResult;
use crate::auth::Authenticated;
use crate::connection::ConnectionState;
use crate::error::ApiError;
use crate::middleware::strict_http;
use crate::state::AppState;
use crate::streams;
use crate::streams::events::Events;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Without this header, nginx and similar proxies delay events to fill a buffer.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Sends the latest reading unless the client has it, and then each new one.
pub(super) fn stream(
    state: &AppState,
    request: &Request<Incoming>,
    connection: &Arc<ConnectionState>,
    _: Authenticated,
) -> RouteResult {
    if state.latest.borrow().is_none() {
        return Err(ApiError::NoReading);
    }
    let last_seen = request.headers().get(LAST_EVENT_ID).map(|id| Bytes::copy_from_slice(id.as_bytes()));
    let (latest, stopping) = (state.latest.subscribe(), state.stopping.clone());
    let events = Events::new(latest, last_seen, state.heartbeat, stopping, &state.metrics.streams);
    let body = streams::body(events, request.version(), connection.clone());
    let mut response = Response::new(Either::Right(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // no-transform: a proxy that compresses the response would delay events to fill its buffer.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    if request.version() < Version::HTTP_2 {
        strict_http::close(headers);
    }
    Ok(response)
}
