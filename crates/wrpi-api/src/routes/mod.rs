//! All public routes, and everything that applies to all responses.
//!
//! Nearly all requests are for the reading. They are dispatched before axum's `Router`, which costs more than the
//! response itself. [`Routes::call`] and [`Routes::finish`] handle everything that applies to both kinds of responses.

pub(crate) mod admin;
mod reading;
mod stream;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::routing::get;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Either};
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use serde::Serialize;
use tower_http::cors::Cors;
use tower_layer::Layer as _;
use tower_service::Service as _;

use crate::connect_info::ConnectInfo;
use crate::document::Document;
use crate::error::{ApiError, METHODS};
use crate::middleware::https::Https;
use crate::middleware::request_id::{self, X_REQUEST_ID};
use crate::middleware::track::Tracked;
use crate::middleware::{cors, strict_http};
use crate::paths::{self, INDEX, OPENAPI, READING, STREAM};
use crate::state::AppState;

/// The OpenAPI 3.1 description of the API, with a placeholder for the version.
const DESCRIPTION: &str = include_str!("openapi.json");

/// The body of a response, made here or by the router.
pub(crate) type Body = http_body_util::Either<Full<Bytes>, axum::body::Body>;
/// A response, available at once or later.
pub(crate) type ResponseFuture = Either<Ready<RouteResult>, BoxFuture<'static, RouteResult>>;
type RouteResult = Result<Response<Body>, Infallible>;

/// The body of `GET /`.
#[derive(Serialize)]
struct Index {
    routes: [&'static str; 4],
    description: &'static str,
}

fn router(state: Arc<AppState>) -> Router {
    let index = Index {
        routes: paths::ALL,
        description: "WRPI, the Random Price Index: a decimal between 0 and 100, recalculated about once a minute",
    };
    // All responses share the text, because a client can leave many of them unread.
    let description = DESCRIPTION.replace("\"VERSION\"", concat!('"', env!("CARGO_PKG_VERSION"), '"'));
    let Ok(index) = serde_json::to_vec(&index) else { unreachable!("strings") };
    let [index, description] = [index, description.into()].map(|text| Document::new("application/json", text));
    Router::new()
        .route(INDEX, get(async move |request: HeaderMap| index.respond(&request)))
        .route(OPENAPI, get(async move |request: HeaderMap| description.respond(&request)))
        .route(STREAM, get(stream::stream))
        .fallback(async || ApiError::NotFound)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .with_state(state)
}

/// Answers the requests of one public listener.
pub(crate) struct Routes {
    state: Arc<AppState>,
    router: Cors<Router>,
    https: Https,
}

/// What [`Routes::finish`] needs to know of a request.
struct Context {
    tracked: Tracked,
    request_id: Option<HeaderValue>,
    origin: Option<HeaderValue>,
    is_preflight: bool,
    is_http1: bool,
    ends_connection: bool,
    /// Whether the response has the common headers already.
    is_rendered: bool,
}

impl Routes {
    pub(crate) fn new(state: Arc<AppState>, https: Https) -> Self {
        Self { router: cors::preflight().layer(router(state.clone())), state, https }
    }

    /// Answers `request`, which was received on `connection`.
    pub(crate) fn call(self: &Arc<Self>, request: Request<Incoming>, connection: &Arc<ConnectInfo>) -> ResponseFuture {
        let now = Instant::now();
        connection.touch(now);
        let mut context = Context {
            tracked: Tracked::begin(&request, now),
            request_id: request_id::of(request.headers()).and_then(copy),
            origin: self.state.origins.listed(request.headers()).and_then(copy),
            is_preflight: request.method() == Method::OPTIONS,
            is_http1: request.version() < Version::HTTP_2,
            ends_connection: strict_http::ends_connection(&request),
            is_rendered: false,
        };
        if let Some(result) = self.dispatch(&request, &mut context, connection, now) {
            let response = result.unwrap_or_else(ApiError::response);
            return Either::Left(ready(Ok(self.finish(context, response.map(Body::Left)))));
        }
        let (routes, mut router, mut request) = (self.clone(), self.router.clone(), request);
        request.extensions_mut().insert(connection.clone());
        let response = async move {
            let response = router.call(request).await?;
            Ok(routes.finish(context, response.map(Body::Right)))
        };
        Either::Right(response.boxed())
    }

    /// The response to a request that does not need the router.
    fn dispatch(
        &self,
        request: &Request<Incoming>,
        context: &mut Context,
        connection: &ConnectInfo,
        now: Instant,
    ) -> Option<Result<Response<Full<Bytes>>, ApiError>> {
        if let Err(refused) = strict_http::check(request) {
            context.ends_connection = true;
            return Some(Err(refused));
        }
        if let Some(redirect) = self.https.redirect(request) {
            return Some(redirect);
        }
        match *request.method() {
            _ if context.tracked.route() != READING => None,
            Method::GET | Method::HEAD => {
                let response = reading::reading(&self.state, request.headers(), connection, now);
                context.is_rendered = response.is_ok();
                Some(response)
            }
            Method::OPTIONS => None,
            _ => Some(Err(ApiError::MethodNotAllowed)),
        }
    }

    /// Adds the headers of every response, counts it and logs it.
    fn finish<B>(&self, context: Context, mut response: Response<B>) -> Response<B> {
        if context.is_preflight && response.status() == StatusCode::OK {
            *response.status_mut() = StatusCode::NO_CONTENT;
        }
        let status = response.status();
        let headers = response.headers_mut();
        if context.is_preflight {
            headers.insert(ALLOW, METHODS);
        }
        if !context.is_rendered {
            headers.extend(self.state.common.clone());
        }
        headers.extend(self.https.header());
        if let Some(origin) = context.origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
        if context.is_http1 && (context.ends_connection || self.state.is_stopping()) {
            strict_http::close(headers);
        }
        context.tracked.end(&self.state.metrics, status, context.request_id.as_ref());
        if let Some(id) = context.request_id {
            headers.insert(X_REQUEST_ID, id);
        }
        response
    }
}

/// A copy for the response. A clone would keep the whole head of the request until the client has read the response.
fn copy(value: &HeaderValue) -> Option<HeaderValue> {
    HeaderValue::from_bytes(value.as_bytes()).ok()
}
