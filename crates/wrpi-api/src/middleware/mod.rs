//! Concerns that apply to every route, one per file.

pub(crate) mod cors;
pub(crate) mod https;
pub(crate) mod request_id;
pub(crate) mod security;
pub(crate) mod strict_http;
pub(crate) mod track;

use http::{HeaderMap, HeaderValue};

use cors::AllowedOrigins;

/// The headers that are the same on every response.
pub(crate) fn common_headers(origins: &AllowedOrigins) -> HeaderMap {
    let mut headers = origins.headers();
    headers.extend(security::headers());
    headers
}

/// A copy for the response. A clone would keep the whole head of the request until the client has read the response.
pub(crate) fn copy(value: &HeaderValue) -> HeaderValue {
    HeaderValue::from_bytes(value.as_bytes()).unwrap_or_else(|_| unreachable!("it is a header's value"))
}
