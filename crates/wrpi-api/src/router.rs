//! The public routes.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, RETRY_AFTER};
use http::{Method, StatusCode};
use tokio::sync::watch;
use tower_http::cors::{AllowOrigin, CorsLayer};
use wrpi_core::Reading;

use crate::auth::{Authenticated, Password};
use crate::error::ApiError;
use crate::snapshot::{self, Snapshot};

const INDEX: &str = "\
WRPI, the Random Price Index: a decimal between 0 and 100, recalculated about once a minute.

GET /v0/wrpi    the latest value and its time of calculation, as JSON (basic authentication, any user name)
";

/// What the handlers share.
#[derive(Clone, Debug)]
pub struct Api {
    pub(crate) password: Password,
    pub(crate) latest: watch::Receiver<Option<Arc<Snapshot>>>,
}

impl Api {
    /// An API that admits `password` and serves the latest of `readings`. Needs a tokio runtime.
    pub fn new(password: Password, readings: watch::Receiver<Option<Reading>>) -> Self {
        Self { password, latest: snapshot::render(readings) }
    }

    pub(crate) fn latest(&self) -> Option<Arc<Snapshot>> {
        self.latest.borrow().clone()
    }
}

/// Every public route. Pages of `allowed_origins` may call them from a browser.
pub fn router(api: Api, allowed_origins: AllowOrigin) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(allowed_origins)
        .allow_methods([Method::GET, Method::HEAD])
        .allow_headers([ACCEPT, AUTHORIZATION, CACHE_CONTROL, IF_MODIFIED_SINCE, IF_NONE_MATCH])
        .expose_headers([ETAG, RETRY_AFTER])
        .max_age(std::time::Duration::from_hours(2));
    Router::new()
        .route("/", get(INDEX))
        .route("/v0/wrpi", get(wrpi))
        .fallback(async || ApiError::NotFound)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .with_state(api)
        .layer(cors)
        .layer(map_response(no_content))
}

async fn wrpi(_: Authenticated, State(api): State<Api>, request: Request) -> Result<Response, ApiError> {
    let latest = api.latest().ok_or(ApiError::NoReading)?;
    Ok(latest.respond(request.headers()))
}

/// A preflight is answered with an empty 200 by the CORS layer; 204 is what it means.
async fn no_content(response: Response) -> Response {
    if response.headers().contains_key(http::header::ACCESS_CONTROL_ALLOW_METHODS) {
        return (StatusCode::NO_CONTENT, response.into_parts().0.headers).into_response();
    }
    response
}
