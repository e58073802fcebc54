//! What concerns every answer, whatever the route: a file for each concern.

pub(crate) mod cors;
pub(crate) mod https;
pub(crate) mod request_id;
pub(crate) mod security;
pub(crate) mod strict_http;
pub(crate) mod track;

use http::HeaderMap;

use cors::AllowedOrigins;

/// The headers of every response, whatever the request.
pub(crate) fn common_headers(origins: &AllowedOrigins) -> HeaderMap {
    let mut headers = origins.headers();
    headers.extend(security::headers());
    headers
}
