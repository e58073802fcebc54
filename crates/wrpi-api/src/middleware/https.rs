//! HTTPS on a public listener: the redirect of plain HTTP, and `Strict-Transport-Security`.

use http::header::{HOST, LOCATION, STRICT_TRANSPORT_SECURITY};
use http::uri::{Authority, PathAndQuery};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;

use crate::error::ApiError;

/// The path that load balancers probe over plain HTTP.
const PROBED: &str = "/";

/// The HTTPS behavior of a listener.
#[derive(Clone, Debug)]
pub(crate) enum Https {
    /// Serves plain HTTP.
    Off,
    /// Redirects to HTTPS on this public port.
    Redirect(u16),
    /// Serves HTTPS, with this value of `Strict-Transport-Security` (RFC 6797).
    On(Option<HeaderValue>),
}

impl Https {
    /// HTTPS that browsers must use for `max_age` seconds. With 0, no header is sent.
    pub(crate) fn on(max_age: u32) -> Self {
        let header = HeaderValue::try_from(format!("max-age={max_age}"));
        Self::On(header.ok().filter(|_| max_age > 0))
    }

    /// The redirect, if `request` gets one. GET, HEAD and OPTIONS of [`PROBED`] get none.
    pub(crate) fn redirect<B>(&self, request: &Request<B>) -> Option<Result<Response<Full<Bytes>>, ApiError>> {
        match *self {
            Self::Redirect(port) if request.uri().path() != PROBED || !request.method().is_safe() => {
                Some(redirect(request, port))
            }
            _ => None,
        }
    }

    /// The header of every response over HTTPS.
    pub(crate) fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Self::On(Some(value)) => Some((STRICT_TRANSPORT_SECURITY, value.clone())),
            _ => None,
        }
    }
}

/// Redirects to the same host and target on the public HTTPS port.
fn redirect<B>(request: &Request<B>, port: u16) -> Result<Response<Full<Bytes>>, ApiError> {
    let host = request.headers().get(HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let authority = request.uri().authority().cloned().or(host).ok_or(ApiError::NoHost)?;
    let target = request.uri().path_and_query().map(PathAndQuery::as_str).filter(|target| target.starts_with('/'));
    let port = if port == 443 { String::new() } else { format!(":{port}") };
    let location = format!("https://{}{port}{}", authority.host(), target.unwrap_or("/"));
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    response.headers_mut().insert(LOCATION, HeaderValue::try_from(location).map_err(|_| ApiError::NoHost)?);
    Ok(response)
}
