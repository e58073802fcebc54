//! All public routes, and what every response carries.
//!
//! No handler is `async`: it answers from what the process knows, so a request cannot wait for Redis.

pub(crate) mod admin;
mod documents;
mod reading;
mod stream;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_LENGTH, CONTENT_SECURITY_POLICY};
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body_util::{Either, Full};
use hyper::body::{Body as _, Bytes, Incoming};

use crate::auth::Authenticated;
use crate::connection::ConnectionState;
use crate::document::Document;
use crate::error::ApiError;
use crate::metrics::READING;
use crate::middleware::https::Https;
use crate::middleware::request_id::{self, X_REQUEST_ID};
use crate::middleware::{copy, cors, strict_http, track};
use crate::state::AppState;
use Endpoint::{Protected, Public};

/// The body of a response: whole, or a stream.
pub(crate) type Body = Either<Full<Bytes>, axum::body::Body>;
/// A response that is available at once.
pub(crate) type ResponseFuture = Ready<Result<Response<Body>, Infallible>>;

/// Every public route, the most requested first. The index, the labels of metrics and log lines, and the series that
/// start at 0 come from this table.
static ROUTES: &[(&str, Endpoint)] = &[
    (READING, Protected(reading::reading)),
    ("/v0/wrpi/stream", Protected(stream::stream)),
    ("/", Public(&documents::INDEX)),
    ("/openapi.json", Public(&documents::OPENAPI)),
];

/// What answers GET and HEAD of a route.
enum Endpoint {
    /// The same document for everyone.
    Public(&'static LazyLock<Document>),
    /// A function that gets only requests with the password.
    Protected(fn(&AppState, &Request<Incoming>, &Arc<ConnectionState>, Authenticated) -> RouteResult),
}

type RouteResult = Result<Response<Body>, ApiError>;

/// Answers the requests of one public listener.
pub(crate) struct Routes {
    state: Arc<AppState>,
    https: Https,
}

impl Routes {
    pub(crate) fn new(state: Arc<AppState>, https: Https) -> Self {
        for (path, endpoint) in ROUTES {
            if matches!(endpoint, Protected(_)) {
                state.metrics.start_at_zero(path);
            }
        }
        Self { state, https }
    }

    /// Answers `request`, which was received on `connection`.
    pub(crate) fn call(&self, request: Request<Incoming>, connection: &Arc<ConnectionState>) -> ResponseFuture {
        let now = Instant::now();
        connection.touch(now);
        let route = ROUTES.iter().find(|(path, _)| *path == request.uri().path());
        let response = self.answer(route.map(|(_, endpoint)| endpoint), &request, connection, now);
        let response = self.complete(&request, response.unwrap_or_else(|error| error.response().map(Body::Left)));
        // Clients must not be able to create labels.
        let label = route.map_or("other", |(path, _)| path);
        track::record(&self.state.metrics, &request, label, response.status(), now);
        ready(Ok(response))
    }

    fn answer(
        &self,
        endpoint: Option<&Endpoint>,
        request: &Request<Incoming>,
        connection: &Arc<ConnectionState>,
        now: Instant,
    ) -> RouteResult {
        strict_http::check(request)?;
        if let Some(redirect) = self.https.redirect(request) {
            return Ok(redirect?.map(Body::Left));
        }
        match (request.method(), endpoint) {
            (&Method::OPTIONS, _) => Ok(cors::preflight(request.headers()).map(Body::Left)),
            (_, None) => Err(ApiError::NotFound),
            (&Method::GET | &Method::HEAD, Some(Public(document))) => {
                Ok(document.respond(request.headers()).map(Body::Left))
            }
            (&Method::GET | &Method::HEAD, Some(Protected(handler))) => {
                let authenticated = self.state.authenticator.authenticate(request.headers(), connection, now)?;
                handler(&self.state, request, connection, authenticated)
            }
            _ => Err(ApiError::MethodNotAllowed),
        }
    }

    /// Adds what every response carries, and takes its body if it answers a HEAD.
    fn complete(&self, request: &Request<Incoming>, mut response: Response<Body>) -> Response<Body> {
        let must_close = response.status() == StatusCode::BAD_REQUEST
            || strict_http::ends_connection(request)
            || self.state.is_stopping();
        let headers = response.headers_mut();
        // The reading was rendered with them.
        if !headers.contains_key(CONTENT_SECURITY_POLICY) {
            headers.extend(self.state.common.clone());
        }
        headers.extend(self.https.header());
        if let Some(origin) = self.state.origins.listed(request.headers()) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, copy(origin));
        }
        if let Some(id) = request_id::of(request.headers()) {
            headers.insert(X_REQUEST_ID, copy(id));
        }
        if must_close && request.version() < Version::HTTP_2 {
            strict_http::close(headers);
        }
        if request.method() == Method::HEAD {
            // Over HTTP/2, hyper would send it.
            let body = std::mem::replace(response.body_mut(), Body::Left(Full::default()));
            if let Some(length @ 1..) = body.size_hint().exact() {
                response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
            }
        }
        response
    }
}
