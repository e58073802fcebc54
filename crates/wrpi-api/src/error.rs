//! Every error that a client can be answered, and the one place that chooses its status.

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};

/// Why a request gets no reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ApiError {
    /// Missing, malformed or wrong credentials.
    Unauthenticated,
    /// No reading has been seen since the start.
    NoReading,
    /// No such path.
    NotFound,
    /// No such method on this path.
    MethodNotAllowed,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, body, extra): (_, _, Option<(HeaderName, &'static str)>) = match self {
            Self::Unauthenticated => (
                StatusCode::UNAUTHORIZED,
                r#"{"error":"please authenticate to use this API","error_code":"forbidden"}"#,
                Some((WWW_AUTHENTICATE, r#"Basic realm="wayhome wrpi", charset="UTF-8""#)),
            ),
            Self::NoReading => (
                StatusCode::SERVICE_UNAVAILABLE,
                r#"{"error":"no reading is known yet, try again soon","error_code":"unavailable"}"#,
                Some((RETRY_AFTER, "5")),
            ),
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                r#"{"error":"no such path, GET / lists what there is","error_code":"not_found"}"#,
                None,
            ),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                r#"{"error":"no such method on this path, see the Allow header","error_code":"method_not_allowed"}"#,
                None,
            ),
        };
        let mut response = (status, body).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some((name, value)) = extra {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
