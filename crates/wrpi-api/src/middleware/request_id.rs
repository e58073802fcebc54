//! `X-Request-Id`: a client or a load balancer names its request, and finds it again in the log and in the answer.

use http::{HeaderMap, HeaderName, HeaderValue};

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longer ids are ignored: they would only fill the log.
const LONGEST: usize = 128;

/// The id of a request: 1 to 128 visible ASCII characters.
pub(crate) fn of(headers: &HeaderMap) -> Option<&HeaderValue> {
    headers
        .get(X_REQUEST_ID)
        .filter(|id| (1..=LONGEST).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic))
}
