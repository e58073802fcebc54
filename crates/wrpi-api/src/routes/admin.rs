//! The admin routes: probes and metrics. They are never on a public listener.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use prometheus::TextEncoder;

use crate::metrics::{LIVEZ, READYZ};
use crate::state::AppState;

/// `/livez`: the process runs. `/readyz`: it has a reading and is not stopping. `/metrics`: metrics in the text format
/// of Prometheus.
pub(crate) fn router(state: Arc<AppState>) -> Router {
    Router::new().route(LIVEZ, get(livez)).route(READYZ, get(readyz)).route("/metrics", get(metrics)).with_state(state)
}

async fn livez(State(state): State<Arc<AppState>>) -> &'static str {
    state.metrics.count_probe(LIVEZ, StatusCode::OK);
    "ok\n"
}

async fn readyz(State(state): State<Arc<AppState>>) -> (StatusCode, &'static str) {
    let (status, text) = if state.is_stopping() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping\n")
    } else if state.latest.borrow().is_none() {
        (StatusCode::SERVICE_UNAVAILABLE, "no reading yet\n")
    } else {
        (StatusCode::OK, "ok\n")
    };
    state.metrics.count_probe(READYZ, status);
    (status, text)
}

async fn metrics(State(state): State<Arc<AppState>>) -> Response {
    match TextEncoder::new().encode_to_string(&state.metrics.registry.gather()) {
        Ok(text) => ([(CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
