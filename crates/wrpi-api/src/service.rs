//! The service of one public connection: what is done with every request, whichever route it is for.
//!
//! Nearly all requests are for the reading. They are answered right here by the same function that the router's
//! handler calls, since a walk through the router costs more than the answer.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Either};
use http::header::{CONNECTION, HOST, LOCATION, STRICT_TRANSPORT_SECURITY};
use http::uri::{Authority, PathAndQuery};
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use tower_service::Service as _;
use tracing::{Level, debug, enabled, warn};

use crate::api::{Api, security_headers};
use crate::auth::Origin;
use crate::error::ApiError;
use crate::metrics::route_of;
use crate::request_id::{self, X_REQUEST_ID};
use crate::router::{READING, router};
use crate::serve::Activity;
use crate::strict;

/// The body of an answer, made here or by the router.
pub(crate) type Body = http_body_util::Either<Full<Bytes>, axum::body::Body>;
type Outcome = Result<Response<Body>, Infallible>;
/// An answer, there at once or in time.
pub(crate) type Answer = Either<Ready<Outcome>, BoxFuture<'static, Outcome>>;

/// What a listener does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Answers it over plain HTTP.
    Plain,
    /// Leads it to HTTPS, but for `/`, which load balancers probe.
    Redirect,
    /// Answers it over TLS.
    Tls,
}

/// What the connections of a listener share.
pub(crate) struct Endpoint {
    api: Arc<Api>,
    router: Router,
    mode: Mode,
}

impl Endpoint {
    pub(crate) fn new(api: Arc<Api>, mode: Mode) -> Self {
        Self { router: router(api.clone()), api, mode }
    }

    /// Answers `request`, which came on the connection of `activity`.
    pub(crate) fn answer(self: &Arc<Self>, request: Request<Incoming>, activity: &Arc<Activity>) -> Answer {
        let mut context = RequestContext::begin(&request);
        if let Err(refused) = strict::check(&request) {
            context.is_last = true;
            let mut answer = refused.response();
            answer.headers_mut().extend(self.api.common.clone());
            self.api.origins.allow(request.headers(), answer.headers_mut());
            return Either::Left(ready(Ok(context.end(self, answer.map(Body::Left)))));
        }
        if let Some(answer) = self.immediate(&request, context.route, activity) {
            return Either::Left(ready(Ok(context.end(self, answer.map(Body::Left)))));
        }
        let (endpoint, activity) = (self.clone(), activity.clone());
        let (mut router, mut request) = (self.router.clone(), request);
        request.extensions_mut().insert(Origin(activity.clone()));
        let answer = async move {
            let mut answer = router.call(request).await?;
            activity.answered(&answer);
            answer.headers_mut().extend(security_headers());
            Ok(context.end(&endpoint, answer.map(Body::Right)))
        };
        Either::Right(answer.boxed())
    }

    /// The answer to what needs no router.
    fn immediate(
        &self,
        request: &Request<Incoming>,
        route: &'static str,
        activity: &Activity,
    ) -> Option<Response<Full<Bytes>>> {
        let headers = request.headers();
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        let with_common = |mut answer: Response<_>| {
            answer.headers_mut().extend(self.api.common.clone());
            answer
        };
        let mut answer = if self.mode == Mode::Redirect && !(is_read && route == "/") {
            with_common(redirect(request).unwrap_or_else(ApiError::response))
        } else if is_read && route == READING {
            let answer = self.api.admit(headers, activity).and_then(|admitted| self.api.reading(admitted, headers));
            answer.unwrap_or_else(|error| match error {
                ApiError::Unauthenticated => self.api.unauthenticated.clone(),
                other => with_common(other.response()),
            })
        } else {
            return None;
        };
        self.api.origins.allow(headers, answer.headers_mut());
        Some(answer)
    }
}

/// Leads to the same target on the default port of HTTPS.
fn redirect(request: &Request<Incoming>) -> Result<Response<Full<Bytes>>, ApiError> {
    let host = request.headers().get(HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let authority = request.uri().authority().cloned().or(host).ok_or(ApiError::NoHost)?;
    let target = request.uri().path_and_query().map(PathAndQuery::as_str).filter(|target| target.starts_with('/'));
    let location = format!("https://{}{}", authority.host(), target.unwrap_or("/"));
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::PERMANENT_REDIRECT;
    answer.headers_mut().insert(LOCATION, HeaderValue::try_from(location).map_err(|_| ApiError::NoHost)?);
    Ok(answer)
}

/// What must be known of a request once it is answered.
struct RequestContext {
    began: Instant,
    method: Method,
    route: &'static str,
    version: Version,
    request_id: Option<HeaderValue>,
    /// Whether no further request may follow on the connection.
    is_last: bool,
}

impl RequestContext {
    fn begin(request: &Request<Incoming>) -> Self {
        Self {
            began: Instant::now(),
            method: request.method().clone(),
            route: route_of(request.uri().path()),
            version: request.version(),
            request_id: request_id::of(request.headers()).cloned(),
            is_last: strict::has_body(request),
        }
    }

    fn end<B>(self, endpoint: &Endpoint, mut answer: Response<B>) -> Response<B> {
        let Self { began, method, route, version, request_id, is_last } = self;
        let (status, duration) = (answer.status(), began.elapsed());
        endpoint.api.metrics.count(&method, route, status, duration);
        let id = request_id.as_ref().and_then(|id| id.to_str().ok());
        let (status_code, duration_us) = (status.as_u16(), duration.as_micros() as u64);
        if status.is_server_error() {
            warn!(%method, route, status = status_code, duration_us, request_id = id, "request failed");
        } else if enabled!(Level::DEBUG) {
            debug!(%method, route, status = status_code, duration_us, request_id = id, "request answered");
        }
        let headers = answer.headers_mut();
        if let Some(id) = request_id {
            headers.insert(X_REQUEST_ID, id);
        }
        if endpoint.mode == Mode::Tls {
            headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
        }
        if version < Version::HTTP_2 && (is_last || endpoint.api.is_stopping()) {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }
}
