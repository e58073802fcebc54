//! All errors that a client can get. No other module chooses the status of an error.

use std::time::Duration;

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;
use serde::Serialize;

/// The methods that every path allows.
pub(crate) const METHODS: HeaderValue = HeaderValue::from_static("GET,HEAD");

/// Why a request gets no reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ApiError {
    /// Missing, malformed or wrong credentials.
    Unauthenticated,
    /// Too many wrong passwords from this client; it may retry after this time.
    Throttled(Duration),
    /// No reading has arrived since the start.
    NoReading,
    /// The path does not exist.
    NotFound,
    /// The path does not allow this method.
    MethodNotAllowed,
    /// An HTTP/1.1 request without exactly one valid `Host`.
    BadHost,
    /// A request with `Transfer-Encoding`. No request needs a body.
    UnwantedBody,
    /// A request without a host, which cannot be redirected to HTTPS.
    NoHost,
}

/// The body: `error` is for people, `error_code` for programs.
#[derive(Serialize)]
struct ErrorBody {
    error: &'static str,
    error_code: &'static str,
}

impl ApiError {
    /// The status, the two texts of the body, and the header that goes with the error.
    fn parts(self) -> (StatusCode, &'static str, &'static str, Option<(HeaderName, HeaderValue)>) {
        match self {
            Self::Unauthenticated => {
                let challenge = HeaderValue::from_static(r#"Basic realm="wayhome wrpi", charset="UTF-8""#);
                let error = "please authenticate to use this API";
                (StatusCode::UNAUTHORIZED, error, "forbidden", Some((WWW_AUTHENTICATE, challenge)))
            }
            Self::Throttled(wait) => {
                let error = "too many wrong passwords, wait as long as Retry-After says";
                let wait = HeaderValue::from(wait.as_secs() + 1);
                (StatusCode::TOO_MANY_REQUESTS, error, "throttled", Some((RETRY_AFTER, wait)))
            }
            Self::NoReading => {
                let wait = HeaderValue::from_static("5");
                let error = "no reading is available yet, retry soon";
                (StatusCode::SERVICE_UNAVAILABLE, error, "unavailable", Some((RETRY_AFTER, wait)))
            }
            Self::NotFound => (StatusCode::NOT_FOUND, "no such path, GET / lists all paths", "not_found", None),
            Self::MethodNotAllowed => {
                let error = "method not allowed, see the Allow header";
                (StatusCode::METHOD_NOT_ALLOWED, error, "method_not_allowed", Some((ALLOW, METHODS)))
            }
            Self::BadHost => {
                let error = "send exactly one Host header: a host, optionally with a port";
                (StatusCode::BAD_REQUEST, error, "bad_request", None)
            }
            Self::UnwantedBody => {
                (StatusCode::BAD_REQUEST, "send no body and no Transfer-Encoding", "bad_request", None)
            }
            Self::NoHost => {
                (StatusCode::BAD_REQUEST, "cannot redirect to HTTPS: the Host header is missing", "bad_request", None)
            }
        }
    }

    /// The response.
    pub(crate) fn response(self) -> Response<Full<Bytes>> {
        let (status, error, error_code, extra) = self.parts();
        let Ok(body) = serde_json::to_vec(&ErrorBody { error, error_code }) else { unreachable!("two strings") };
        let mut response = Response::new(Full::new(body.into()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(extra);
        response
    }
}
