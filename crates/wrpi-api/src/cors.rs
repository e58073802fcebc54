//! Which pages may call the API from a browser (the Fetch standard's CORS protocol).

use std::time::Duration;

use http::header::{
    ACCEPT, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, AUTHORIZATION, CACHE_CONTROL, ETAG,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, ORIGIN, RETRY_AFTER, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::request_id::X_REQUEST_ID;

/// What a page may read of an answer, besides what every page may.
const EXPOSED: &str = "etag,retry-after,x-request-id";
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const PREFLIGHT_MAX_AGE: Duration = Duration::from_hours(2);

/// The origins whose pages may call the API.
#[derive(Clone, Debug)]
pub enum AllowedOrigins {
    /// Every page.
    Any,
    /// The pages of these, as a browser sends them in `Origin`.
    These(Vec<HeaderValue>),
}

impl AllowedOrigins {
    /// Reads `*` or a comma-separated list such as `https://app.example.com, http://localhost:3000`.
    pub fn parse(text: &str) -> Option<Self> {
        if text.trim() == "*" {
            return Some(Self::Any);
        }
        text.split(',').map(|origin| parse_origin(origin.trim())).collect::<Option<Vec<_>>>().map(Self::These)
    }

    /// The layer that answers preflights, and marks the answers of the router.
    pub(crate) fn layer(&self) -> CorsLayer {
        let origins = match self {
            Self::Any => AllowOrigin::any(),
            Self::These(origins) => AllowOrigin::list(origins.clone()),
        };
        CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::GET, Method::HEAD])
            .allow_headers([
                ACCEPT,
                AUTHORIZATION,
                CACHE_CONTROL,
                IF_MODIFIED_SINCE,
                IF_NONE_MATCH,
                LAST_EVENT_ID,
                X_REQUEST_ID,
            ])
            .expose_headers([ETAG, RETRY_AFTER, X_REQUEST_ID])
            .max_age(PREFLIGHT_MAX_AGE)
    }

    /// What the layer would put on every answer, for answers that are made before the router.
    pub(crate) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        match self {
            Self::Any => headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
            Self::These(_) => headers.insert(VARY, HeaderValue::from_static("origin")),
        };
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        headers
    }

    /// Completes [`AllowedOrigins::headers`] on `answer` for the origin that `request` names.
    pub(crate) fn allow(&self, request: &HeaderMap, answer: &mut HeaderMap) {
        if let Self::These(origins) = self
            && let Some(origin) = request.get(ORIGIN)
            && origins.contains(origin)
        {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        }
    }
}

/// An origin as a browser sends it: scheme, host and port in lower case, without a default port or a path.
fn parse_origin(text: &str) -> Option<HeaderValue> {
    let uri: http::Uri = text.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let default_port = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let is_as_sent = text == format!("{scheme}://{authority}").to_ascii_lowercase()
        && !authority.as_str().contains('@')
        && authority.port_u16() != Some(default_port);
    is_as_sent.then(|| HeaderValue::from_str(text).ok())?
}
