//! The public paths. All other paths share the label `other`, so clients cannot create metric series.

/// The latest reading. Nearly all requests are for this path.
pub(crate) const READING: &str = "/v0/wrpi";
/// The latest reading and each new one, as server-sent events.
pub(crate) const STREAM: &str = "/v0/wrpi/stream";
/// The description of the API.
pub(crate) const OPENAPI: &str = "/openapi.json";
/// The list of paths.
pub(crate) const INDEX: &str = "/";
/// Every public path, the most requested first.
pub(crate) const ALL: [&str; 4] = [READING, STREAM, INDEX, OPENAPI];

/// The path as a label of metrics and log lines.
pub(crate) fn label(path: &str) -> &'static str {
    ALL.into_iter().find(|known| *known == path).unwrap_or("other")
}
