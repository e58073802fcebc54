//! Controls which pages may call the API from a browser (the CORS protocol of the Fetch standard).

use std::sync::LazyLock;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use futures_util::FutureExt;
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_REQUEST_HEADERS, ALLOW, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;
use tower_http::cors::{AllowHeaders, CorsLayer, Vary};
use tower_service::Service;
use url::Url;
use wrpi_core::settings::is_host_name;

use super::copy;
use crate::error::METHODS;

/// The response headers that a page may read in addition to those that browsers always allow.
const EXPOSED: HeaderValue = HeaderValue::from_static("date,etag,retry-after,x-request-id");
/// How long a browser may cache a preflight.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_hours(2);

/// The origins whose pages may call the API.
#[derive(Clone, Debug)]
pub enum AllowedOrigins {
    /// All origins.
    Any,
    /// These origins, as a browser sends them in `Origin`.
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

    /// The CORS headers that are the same on every response.
    pub(crate) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        match self {
            Self::Any => headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
            Self::These(_) => headers.insert(VARY, HeaderValue::from_static("origin")),
        };
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        headers
    }

    /// The origin of a request, if the list contains it.
    pub(crate) fn listed<'a>(&self, request: &'a HeaderMap) -> Option<&'a HeaderValue> {
        match self {
            Self::Any => None,
            Self::These(origins) => request.get(ORIGIN).filter(|origin| origins.contains(origin)),
        }
    }
}

/// Knows the CORS protocol, and no route.
static CORS: LazyLock<Router> = LazyLock::new(|| {
    let cors = CorsLayer::new()
        .allow_methods([Method::GET, Method::HEAD])
        .allow_headers(AllowHeaders::mirror_request())
        .max_age(PREFLIGHT_MAX_AGE)
        .vary(Vary::list([]));
    Router::new().layer(cors)
});

/// The response to an OPTIONS with the headers `request`: a page may send GET and HEAD with any headers.
/// [`AllowedOrigins::headers`] are added as to every response.
pub(crate) fn preflight(request: &HeaderMap) -> Response<Full<Bytes>> {
    let mut options = Request::new(Body::empty());
    *options.method_mut() = Method::OPTIONS;
    options.headers_mut().extend(
        request.get(ACCESS_CONTROL_REQUEST_HEADERS).map(|requested| (ACCESS_CONTROL_REQUEST_HEADERS, copy(requested))),
    );
    let Some(Ok(answered)) = CORS.clone().call(options).now_or_never() else {
        unreachable!("a preflight waits for nothing")
    };
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    *response.headers_mut() = answered.into_parts().0.headers;
    response.headers_mut().insert(ALLOW, METHODS);
    response
}

/// Parses an origin as a browser sends it, which is how the URL standard writes scheme, host and port.
fn parse_origin(text: &str) -> Option<HeaderValue> {
    let url = Url::parse(text).ok()?;
    let host = url.host_str()?;
    let is_possible = match url.scheme() {
        "http" | "https" => host.starts_with('[') || is_host_name(host),
        // Browsers load no pages over these, or send the origin `null`.
        "file" | "ftp" | "ws" | "wss" => false,
        // Apps: a name such as `localhost`, or the id of an extension. Browsers leave such a host as it is.
        _ => !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)),
    };
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let is_written_so = text == format!("{}://{host}{port}", url.scheme());
    (is_possible && is_written_so && url.port() != Some(0)).then(|| HeaderValue::from_str(text).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_origins_that_a_browser_sends() {
        for text in [
            "*",
            " * ",
            "https://app.example.com",
            "https://app.example.com, http://localhost:3000",
            "http://192.0.2.1:8080",
            "http://[::1]:3000",
            "https://[2001:db8::1]",
            "https://xn--bcher-kva.example:65535",
            "https://my_app.example.com.",
            "http://app.example.com:443",
            "capacitor://localhost",
            "ionic://localhost, tauri://localhost, https://tauri.localhost",
            "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
            "moz-extension://0a1b2c3d-4e5f-6789-abcd-ef0123456789",
            "safari-web-extension://0A1B2C3D-4E5F-6789-ABCD-EF0123456789",
            "com.example.app+x://app:8080",
        ] {
            assert!(AllowedOrigins::parse(text).is_some(), "{text}");
        }
    }

    #[test]
    fn rejects_origins_that_no_browser_sends() {
        for text in "|null|app.example.com|//app.example.com|ftp://app.example.com|file://|file://a|ws://a|wss://a|https://|https:///|https://:443|https://*\
                     |https://*.example.com|https://app.*.com|https://app.example.com:*|https://app.example.com:\
                     |https://app.example.com:443|http://app.example.com:80|https://app.example.com:0\
                     |https://app.example.com:08443|https://app.example.com:65536|https://app.example.com:+1\
                     |https://app.example.com/|https://app.example.com?|https://app.example.com#|https://u:p@app.example.com\
                     |https://App.example.com|HTTPS://app.example.com|https://bücher.example|https://a b|https://a\tb\
                     |https://app..example.com|https://.example.com|https://-app.example.com|https://300.0.2.1|https://1\
                     |https://[::1|https://::1|https://[::0:1]|https://[2001:DB8::1]|https://[::1]:|https://[::1]]|https://[a]\
                     |https://a,|,https://a|https://a,,https://b|https://a https://b|https://a;https://b|*,https://a|**\
                     |capacitor://|capacitor:localhost|capacitor://localhost/|capacitor://localhost:|tauri://*|*://localhost\
                     |Tauri://localhost|1a://localhost|://localhost|+a://localhost|a b://c|app://u@a|app://a:0|app://a?|app://a#\
                     |chrome-extension://*|chrome-extension://"
            .split('|')
        {
            assert!(AllowedOrigins::parse(text).is_none(), "{text}");
        }
    }
}
