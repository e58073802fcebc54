//! The public routes.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http_body_util::Full;
use hyper::body::Bytes;

use crate::api::Api;
use crate::auth::Authenticated;
use crate::error::ApiError;
use crate::openapi::{self, WELCOME};
use crate::stream::stream;

/// The route that nearly all requests are for.
pub(crate) const READING: &str = "/v0/wrpi";
pub(crate) const STREAM: &str = "/v0/wrpi/stream";
pub(crate) const OPENAPI: &str = "/openapi.json";
pub(crate) const INDEX: &str = "/";
/// Every public route, the one that is asked for most first.
pub(crate) const ROUTES: [&str; 4] = [READING, INDEX, OPENAPI, STREAM];

/// Answers every public route.
pub(crate) fn router(api: Arc<Api>) -> Router {
    let cors = api.origins.layer();
    let description = Bytes::from(openapi::document());
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")];
    Router::new()
        .route(INDEX, get(WELCOME))
        .route(OPENAPI, get(async move || (headers, description)))
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
