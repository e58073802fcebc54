//! A file that does not change while the process runs. Clients keep a copy and ask whether it is still current.

use std::hash::{DefaultHasher, Hash, Hasher};

use headers::{ETag, HeaderMapExt, IfNoneMatch};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;

/// A file in memory.
#[derive(Clone, Debug)]
pub struct Document {
    content: Bytes,
    content_type: HeaderValue,
    etag: ETag,
}

impl Document {
    /// A file with this content and media type. Files with the same content have the same `ETag` in every process.
    pub fn new(content_type: &'static str, content: impl Into<Bytes>) -> Self {
        let content = content.into();
        let mut hasher = DefaultHasher::new();
        content.hash(&mut hasher);
        let Ok(etag) = format!("\"{:016x}\"", hasher.finish()).parse() else { unreachable!("hexadecimal digits") };
        Self { content, content_type: HeaderValue::from_static(content_type), etag }
    }

    /// The response to a GET with the headers `request`: 200, or 304 if the client already has this content.
    pub fn respond(&self, request: &HeaderMap) -> Response<axum::body::Body> {
        let is_known =
            matches!(request.typed_try_get::<IfNoneMatch>(), Ok(Some(tags)) if !tags.precondition_passes(&self.etag));
        let content = if is_known { Full::default() } else { Full::new(self.content.clone()) };
        let mut response = Response::new(axum::body::Body::new(content));
        let headers = response.headers_mut();
        headers.typed_insert(self.etag.clone());
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if is_known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            response.headers_mut().insert(CONTENT_TYPE, self.content_type.clone());
        }
        response
    }
}
