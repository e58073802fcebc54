//! Every error that a client can be answered, and the one place that chooses its status.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;

/// Why a request gets no reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ApiError {
    /// Missing, malformed or wrong credentials.
    Unauthenticated,
    /// Too many wrong passwords from this client; it may ask again after this time.
    Throttled(Duration),
    /// No reading has been seen since the start.
    NoReading,
    /// No such path.
    NotFound,
    /// No such method on this path.
    MethodNotAllowed,
    /// A request of HTTP/1.1 without exactly one `Host` that is one.
    BadHost,
    /// A body of unknown length; none is wanted.
    UnwantedBody,
    /// A request that should be led to HTTPS, but does not say which host it is for.
    NoHost,
}

impl ApiError {
    /// The answer.
    pub(crate) fn response(self) -> Response<Full<Bytes>> {
        let (status, body, extra): (_, _, Option<(HeaderName, HeaderValue)>) = match self {
            Self::Unauthenticated => (
                StatusCode::UNAUTHORIZED,
                r#"{"error":"please authenticate to use this API","error_code":"forbidden"}"#,
                Some((WWW_AUTHENTICATE, HeaderValue::from_static(r#"Basic realm="wayhome wrpi", charset="UTF-8""#))),
            ),
            Self::Throttled(wait) => (
                StatusCode::TOO_MANY_REQUESTS,
                r#"{"error":"too many wrong passwords, wait as long as Retry-After says","error_code":"throttled"}"#,
                Some((RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1))),
            ),
            Self::NoReading => (
                StatusCode::SERVICE_UNAVAILABLE,
                r#"{"error":"no reading is known yet, try again soon","error_code":"unavailable"}"#,
                Some((RETRY_AFTER, HeaderValue::from_static("5"))),
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
            Self::BadHost => (
                StatusCode::BAD_REQUEST,
                r#"{"error":"send one Host header, with a host and perhaps a port","error_code":"bad_request"}"#,
                None,
            ),
            Self::UnwantedBody => (
                StatusCode::BAD_REQUEST,
                r#"{"error":"send no body and no Transfer-Encoding","error_code":"bad_request"}"#,
                None,
            ),
            Self::NoHost => (
                StatusCode::BAD_REQUEST,
                r#"{"error":"no host to lead to HTTPS on, send a Host header","error_code":"bad_request"}"#,
                None,
            ),
        };
        let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some((name, value)) = extra {
            headers.insert(name, value);
        }
        response
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.response().map(axum::body::Body::new)
    }
}
