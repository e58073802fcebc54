//! Which pages may call the API from a browser (the CORS protocol of the Fetch standard).

use std::time::Duration;

use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ETAG, ORIGIN, RETRY_AFTER, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tower_http::cors::{AllowHeaders, CorsLayer, Vary};

use super::request_id::X_REQUEST_ID;

/// What a page may read of an answer, besides what every page may.
const EXPOSED: [HeaderName; 3] = [ETAG, RETRY_AFTER, X_REQUEST_ID];
const PREFLIGHT_MAX_AGE: Duration = Duration::from_hours(2);

/// The origins whose pages may call the API.
#[derive(Clone, Debug)]
pub enum AllowedOrigins {
    /// Every page.
    Any,
    /// The pages of these origins, as a browser sends them in `Origin`.
    These(Vec<HeaderValue>),
}

impl AllowedOrigins {
    /// Parses `*` or a comma-separated list such as `https://app.example.com, http://localhost:3000`.
    pub fn parse(text: &str) -> Option<Self> {
        if text.trim() == "*" {
            return Some(Self::Any);
        }
        text.split(',').map(|origin| parse_origin(origin.trim())).collect::<Option<Vec<_>>>().map(Self::These)
    }

    /// The headers of every answer, for any request.
    pub(crate) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        match self {
            Self::Any => headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
            Self::These(_) => headers.insert(VARY, HeaderValue::from_static("origin")),
        };
        let Ok(exposed) = HeaderValue::try_from(EXPOSED.map(|name| name.to_string()).join(",")) else {
            unreachable!("names of headers")
        };
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        headers
    }

    /// The origin of a request, if it is one of a list.
    pub(crate) fn listed<'a>(&self, request: &'a HeaderMap) -> Option<&'a HeaderValue> {
        match self {
            Self::Any => None,
            Self::These(origins) => request.get(ORIGIN).filter(|origin| origins.contains(origin)),
        }
    }
}

/// Answers preflights: a page may read, and may send whichever headers it likes. What the origin may read is in
/// [`AllowedOrigins::headers`], as on every answer.
pub(crate) fn preflight() -> CorsLayer {
    CorsLayer::new()
        .allow_methods([Method::GET, Method::HEAD])
        .allow_headers(AllowHeaders::mirror_request())
        .max_age(PREFLIGHT_MAX_AGE)
        .vary(Vary::list([]))
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
