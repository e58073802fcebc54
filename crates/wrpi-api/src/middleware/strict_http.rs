//! Refuses requests that `hyper` accepts but that a proxy may parse differently (request smuggling).

use http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Request, Version};
use hyper::body::Body;

use crate::error::ApiError;

/// Refuses an HTTP/1.1 request without exactly one valid `Host` (RFC 9112, section 3.2), and any request with
/// `Transfer-Encoding`: no request needs a body, and `hyper` hides a `Content-Length` beside it.
pub(crate) fn check<B>(request: &Request<B>) -> Result<(), ApiError> {
    let headers = request.headers();
    if request.version() == Version::HTTP_11 && !has_one_host(headers) {
        return Err(ApiError::BadHost);
    }
    if headers.contains_key(TRANSFER_ENCODING) { Err(ApiError::UnwantedBody) } else { Ok(()) }
}

/// Whether the connection must end after the response. The API does not read bodies, so the next bytes could be the
/// rest of one. HTTP/2 frames its bodies and is not affected.
pub(crate) fn ends_connection<B: Body>(request: &Request<B>) -> bool {
    request.version() < Version::HTTP_2
        && (!request.body().is_end_stream() || request.headers().contains_key(TRANSFER_ENCODING))
}

/// Announces the end of the connection.
pub(crate) fn close(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
}

fn has_one_host(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    // Fast path for plain names, addresses and ports. Everything else needs the parser.
    let is_plain = host.as_bytes().iter().all(|byte| byte.is_ascii_alphanumeric() || b".-:".contains(byte));
    is_plain || Authority::try_from(host.as_bytes()).is_ok_and(|host| !host.as_str().contains('@'))
}
