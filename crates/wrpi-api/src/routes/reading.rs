//! `GET /v0/wrpi`: the latest reading.

use std::sync::Arc;

use http::Request;
use hyper::body::Incoming;

use super::{Body, RouteResult};
use crate::auth::Authenticated;
use crate::connection::ConnectionState;
use crate::error::ApiError;
use crate::state::AppState;

pub(super) fn reading(
    state: &AppState,
    request: &Request<Incoming>,
    _: &Arc<ConnectionState>,
    _: Authenticated,
) -> RouteResult {
    let latest = state.latest.borrow();
    let snapshot = latest.as_ref().ok_or(ApiError::NoReading)?;
    Ok(snapshot.document.respond(request.headers()).map(Body::Left))
}
