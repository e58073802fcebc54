//! `X-Request-Id`: an id that a client or a load balancer gives to a request. The log and the response contain it.

use http::{HeaderMap, HeaderName, HeaderValue};

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longer ids are ignored, since they would fill the log.
const LONGEST: usize = 128;

/// The id of a request: 1 to 128 visible ASCII characters.
pub(crate) fn of(headers: &HeaderMap) -> Option<&HeaderValue> {
    headers
        .get(X_REQUEST_ID)
        .filter(|id| (1..=LONGEST).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic))
}
