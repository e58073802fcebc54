//! The public routes.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http_body_util::Full;
use hyper::body::Bytes;

use crate::api::Api;
use crate::auth::Authenticated;
use crate::error::ApiError;
use crate::metrics::{READING, STREAM};
use crate::stream::stream;

const INDEX: &str = "\
WRPI, the Random Price Index: a decimal between 0 and 100, recalculated about once a minute.

GET /v0/wrpi           the latest value and its time of calculation, as JSON
GET /v0/wrpi/stream    the same, and each new value as it comes, as server-sent events
GET /openapi.json      the description of this API

The first two want basic authentication, with any user name.
";

/// Every public route.
pub(crate) fn router(api: Arc<Api>) -> Router {
    let cors = api.origins.layer();
    Router::new()
        .route("/", get(INDEX))
        .route(READING, get(reading))
        .route(STREAM, get(stream))
        .fallback(async || ApiError::NotFound)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .with_state(api)
        .layer(cors)
        .layer(map_response(no_content))
}

async fn reading(
    authenticated: Authenticated,
    State(api): State<Arc<Api>>,
    request: Request,
) -> Result<Response<Full<Bytes>>, ApiError> {
    api.reading(authenticated, request.headers())
}

/// A preflight is answered with an empty 200 by the CORS layer; 204 is what it means.
async fn no_content(response: Response) -> Response {
    if response.headers().contains_key(http::header::ACCESS_CONTROL_ALLOW_METHODS) {
        return (StatusCode::NO_CONTENT, response.into_parts().0.headers).into_response();
    }
    response
}
