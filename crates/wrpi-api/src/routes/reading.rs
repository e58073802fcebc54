//! `GET /v0/wrpi`: the latest reading.

use http::{HeaderMap, Response};
use http_body_util::Full;
use hyper::body::Bytes;

use crate::connect_info::ConnectInfo;
use crate::error::ApiError;
use crate::state::AppState;

/// The response to a GET or HEAD with the headers `request`.
pub(super) fn reading(
    state: &AppState,
    request: &HeaderMap,
    connection: &ConnectInfo,
) -> Result<Response<Full<Bytes>>, ApiError> {
    let _authenticated = state.authenticator.authenticate(request, connection)?;
    state.latest.borrow().as_ref().map(|latest| latest.respond(request)).ok_or(ApiError::NoReading)
}
