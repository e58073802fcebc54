//! The identity that a client or a load balancer gives a request, to find it again in the logs.

use http::{HeaderMap, HeaderName, HeaderValue};

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longer ones are ignored: they would only fill the log.
const LONGEST: usize = 128;

/// The `X-Request-Id` of a request: visible ASCII, from 1 to 128 bytes.
pub(crate) fn of(headers: &HeaderMap) -> Option<&HeaderValue> {
    headers
        .get(X_REQUEST_ID)
        .filter(|id| (1..=LONGEST).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic))
}
