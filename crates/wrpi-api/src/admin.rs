//! The admin routes: probes and metrics, never on the public listener.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use prometheus::{Registry, TextEncoder};

use crate::api::Api;

#[derive(Clone)]
pub(crate) struct Admin {
    pub(crate) api: Arc<Api>,
    pub(crate) registry: Registry,
}

/// `/livez`: the process answers. `/readyz`: it has a reading and is not stopping. `/metrics`: Prometheus's text
/// format.
pub(crate) fn router(admin: Admin) -> Router {
    Router::new()
        .route("/livez", get("ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(admin)
}

async fn readyz(State(admin): State<Admin>) -> (StatusCode, &'static str) {
    if admin.api.is_stopping() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping\n")
    } else if admin.api.latest.borrow().is_none() {
        (StatusCode::SERVICE_UNAVAILABLE, "no reading yet\n")
    } else {
        (StatusCode::OK, "ok\n")
    }
}

async fn metrics(State(admin): State<Admin>) -> Response {
    match TextEncoder::new().encode_to_string(&admin.registry.gather()) {
        Ok(text) => ([(CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
