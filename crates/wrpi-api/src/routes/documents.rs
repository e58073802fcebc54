//! The routes that need no password: `GET /`, the index, and `GET /openapi.json`.

use std::sync::LazyLock;

use serde::Serialize;

use super::ROUTES;
use crate::document::Document;

/// The OpenAPI 3.1 description of the API, with a placeholder for the version.
const DESCRIPTION: &str = include_str!("openapi.json");

/// The body of the index.
#[derive(Serialize)]
struct Index {
    routes: Vec<&'static str>,
    description: &'static str,
}

pub(super) static INDEX: LazyLock<Document> = LazyLock::new(|| {
    let index = Index {
        routes: ROUTES.iter().map(|(path, _)| *path).collect(),
        description: "WRPI, the Random Price Index: a decimal between 0 and 100, recalculated about once a minute",
    };
    let Ok(text) = serde_json::to_vec(&index) else { unreachable!("strings") };
    Document::new("application/json", text)
});

pub(super) static OPENAPI: LazyLock<Document> = LazyLock::new(|| {
    let text = DESCRIPTION.replace("\"VERSION\"", concat!('"', env!("CARGO_PKG_VERSION"), '"'));
    Document::new("application/json", text)
});
