//! Concerns that apply to every route, one per file.

pub(crate) mod cors;
pub(crate) mod https;
pub(crate) mod request_id;
pub(crate) mod strict_http;
pub(crate) mod track;

use http::header::{CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue};

use cors::AllowedOrigins;

/// The headers that are the same on every response: those of CORS, and two that keep a browser from treating a response
/// as a page.
pub(crate) fn common_headers(origins: &AllowedOrigins) -> HeaderMap {
    let mut headers = origins.headers();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let policy = "default-src 'none'; frame-ancestors 'none'";
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers
}

/// A copy for the response. A clone would keep the whole head of the request until the client has read the response.
pub(crate) fn copy(value: &HeaderValue) -> HeaderValue {
    HeaderValue::from_bytes(value.as_bytes()).unwrap_or_else(|_| unreachable!("it is a header's value"))
}
