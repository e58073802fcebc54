//! The files of the example page, `examples/spa`, and of the client that it uses, `clients/js`.

use std::net::SocketAddr;

use axum::Router;
use axum::http::HeaderMap;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use wrpi_api::Document;

/// The API's URL in the source of the page, which [`router`] replaces.
const API: &str = "http://127.0.0.1:8080";
const INDEX: &str = include_str!("../../../../examples/spa/index.html");
const SCRIPT: &str = "text/javascript; charset=utf-8";
const FILES: [(&str, &str, &str); 7] = [
    ("/app.js", SCRIPT, include_str!("../../../../examples/spa/app.js")),
    ("/icon.svg", "image/svg+xml; charset=utf-8", include_str!("../../../../examples/spa/icon.svg")),
    ("/sparkline.js", SCRIPT, include_str!("../../../../examples/spa/sparkline.js")),
    ("/style.css", "text/css; charset=utf-8", include_str!("../../../../examples/spa/style.css")),
    ("/clients/js/wrpi.js", SCRIPT, include_str!("../../../../clients/js/wrpi.js")),
    ("/clients/js/tabs.js", SCRIPT, include_str!("../../../../clients/js/tabs.js")),
    ("/clients/js/time.js", SCRIPT, include_str!("../../../../clients/js/time.js")),
];

/// The page, which calls the API that listens at `api`, with this URL scheme.
pub(crate) fn router(scheme: &'static str, api: SocketAddr) -> Router {
    let index = async move |request: HeaderMap| {
        let url = format!("{scheme}://{}", authority(api, &request));
        respond(&Document::new("text/html; charset=utf-8", INDEX.replace(API, &url)), &request)
    };
    FILES.into_iter().fold(Router::new().route("/", get(index)), |router, (path, content_type, content)| {
        let file = Document::new(content_type, content);
        router.route(path, get(async move |request: HeaderMap| respond(&file, &request)))
    })
}

fn respond(file: &Document, request: &HeaderMap) -> Response {
    ([("x-content-type-options", "nosniff")], file.respond(request)).into_response()
}

/// The host and port at which the browser that sent `request` reaches the API. If the API listens on loopback or on every
/// address, this is the host that the browser used for the page.
fn authority(api: SocketAddr, request: &HeaderMap) -> String {
    let host = request.get(HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok());
    match host.as_ref().map(Authority::host).filter(|host| is_plain(host)) {
        Some(host) if api.ip().is_loopback() || api.ip().is_unspecified() => format!("{host}:{}", api.port()),
        _ => api.to_string(),
    }
}

/// Whether `host` can stand in HTML and in a policy: an address or a name, without quotes, spaces or semicolons.
fn is_plain(host: &str) -> bool {
    host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_[]:".contains(&byte))
}
