//! `GET /v0/wrpi`: the latest reading.

use std::time::Instant;

use http::{HeaderMap, Response};
use http_body_util::Full;
use hyper::body::Bytes;

use crate::connect_info::ConnectInfo;
use crate::error::ApiError;
use crate::state::AppState;

/// The response to a GET or HEAD with the headers `request`, received at `now`.
pub(super) fn reading(
    state: &AppState,
    request: &HeaderMap,
    connection: &ConnectInfo,
    now: Instant,
) -> Result<Response<Full<Bytes>>, ApiError> {
    let _authenticated = state.authenticator.authenticate(request, connection, now)?;
    state.latest.borrow().as_ref().map(|latest| latest.respond(request)).ok_or(ApiError::NoReading)
}
