//! The files of the example page, `examples/spa`.

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;

/// The API's URL in the source of the page, which [`router`] replaces.
const API: &str = "http://127.0.0.1:8080";
const INDEX: &str = include_str!("../../../../examples/spa/index.html");
const FILES: [(&str, &str, &str); 5] = [
    ("/app.js", "text/javascript", include_str!("../../../../examples/spa/app.js")),
    ("/icon.svg", "image/svg+xml", include_str!("../../../../examples/spa/icon.svg")),
    ("/sparkline.js", "text/javascript", include_str!("../../../../examples/spa/sparkline.js")),
    ("/stream.js", "text/javascript", include_str!("../../../../examples/spa/stream.js")),
    ("/style.css", "text/css", include_str!("../../../../examples/spa/style.css")),
];

/// The page, which calls the API at `api`, such as `http://127.0.0.1:8080`.
pub(crate) fn router(api: &str) -> Router {
    let index = file("text/html", INDEX.replace(API, api));
    FILES.into_iter().fold(Router::new().route("/", index), |router, (path, content_type, content)| {
        router.route(path, file(content_type, content.to_owned()))
    })
}

fn file(content_type: &str, content: String) -> axum::routing::MethodRouter {
    let headers = [
        ("content-type", format!("{content_type}; charset=utf-8")),
        ("cache-control", "no-cache".to_owned()),
        ("x-content-type-options", "nosniff".to_owned()),
    ];
    get(async move || (headers, content).into_response())
}
