//! What `hyper` lets pass and the API does not: requests in which two readers may find two things.

use http::header::{HOST, TRANSFER_ENCODING};
use http::uri::Authority;
use http::{HeaderMap, Request, Version};
use hyper::body::Body;

use crate::error::ApiError;

/// Whether the connection must end with this request, since what follows on it might be the rest of a body that
/// nobody reads.
pub(crate) fn has_body<B: Body>(request: &Request<B>) -> bool {
    !request.body().is_end_stream()
}

/// Refuses a request of HTTP/1.1 without exactly one `Host` that is one (RFC 9112, section 3.2), and one with
/// `Transfer-Encoding`: no request needs a body, and `hyper` hides a second length beside that.
pub(crate) fn check<B>(request: &Request<B>) -> Result<(), ApiError> {
    let headers = request.headers();
    if request.version() == Version::HTTP_11 && !has_one_host(headers) {
        return Err(ApiError::BadHost);
    }
    if headers.contains_key(TRANSFER_ENCODING) { Err(ApiError::UnwantedBody) } else { Ok(()) }
}

fn has_one_host(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    // What is in a name, an address and a port is let pass at a glance; anything else must be told from rubbish.
    let is_plain = host.as_bytes().iter().all(|byte| byte.is_ascii_alphanumeric() || b".-:".contains(byte));
    is_plain || Authority::try_from(host.as_bytes()).is_ok_and(|host| !host.as_str().contains('@'))
}
