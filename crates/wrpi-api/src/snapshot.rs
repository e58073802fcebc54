//! The latest reading as a response: rendered once per reading, then only cloned.

use std::time::{Duration, SystemTime};

use headers::{ETag, HeaderMapExt, IfModifiedSince, IfNoneMatch};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, LAST_MODIFIED};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use wrpi_core::{Reading, Timestamp};

/// A rendered reading.
#[derive(Debug)]
pub(crate) struct Snapshot {
    body: Bytes,
    /// The reading in a stream.
    pub(crate) part: Part,
    /// The entity tag with its quotes, which is also the id of the event.
    pub(crate) id: String,
    etag: ETag,
    modified_at: SystemTime,
    /// The headers of a 200, and of a 304.
    headers: HeaderMap,
    not_modified_headers: HeaderMap,
}

/// A part of a stream.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// As an event or comment (HTML Living Standard, section 9.2).
    pub(crate) event: Bytes,
    /// `event` as a chunk of HTTP/1.1 (RFC 9112, section 7.1).
    pub(crate) chunk: Bytes,
}

/// The contract's JSON. The value's digits are those of the reading: they never pass through binary floating point.
#[derive(Serialize)]
struct Body {
    latest_value: Box<RawValue>,
    latest_calculation_at: String,
}

impl Part {
    fn new(event: String) -> Self {
        Self { chunk: format!("{:x}\r\n{event}\r\n", event.len()).into(), event: event.into() }
    }
}

impl Snapshot {
    /// Renders `reading` as of `now`, with the headers that every response has. `Last-Modified` is never in the future
    /// (RFC 9110, section 8.8.2.1), even if the updater's clock is ahead of this one.
    ///
    /// # Errors
    ///
    /// When a part is not valid in JSON or in a header.
    pub(crate) fn render(reading: Reading, now: SystemTime, common: &HeaderMap) -> anyhow::Result<Self> {
        let Reading { value, calculated_at } = reading;
        let now = Timestamp::new(now.into()).unwrap_or(calculated_at);
        let modified_at = calculated_at.min(now);
        let body = serde_json::to_string(&Body {
            latest_value: RawValue::from_string(value.to_string())?,
            latest_calculation_at: calculated_at.to_string(),
        })?;
        let id = format!("\"{value}-{}\"", calculated_at.unix_seconds());
        let mut headers = common.clone();
        headers.insert(ETAG, HeaderValue::try_from(&id)?);
        headers.insert(LAST_MODIFIED, HeaderValue::try_from(modified_at.to_http_date())?);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        let not_modified_headers = headers.clone();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let seconds = u64::try_from(modified_at.unix_seconds()).unwrap_or_default();
        Ok(Self {
            part: Part::new(format!("event: wrpi\nid: {id}\ndata: {body}\n\n")),
            body: body.into(),
            etag: id.parse()?,
            id,
            modified_at: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
            headers,
            not_modified_headers,
        })
    }

    /// The response to a GET or HEAD with the headers `request`: 200, or 304 if the client already has this reading.
    pub(crate) fn respond(&self, request: &HeaderMap) -> Response<Full<Bytes>> {
        let mut response;
        if self.is_not_modified(request) {
            response = Response::new(Full::default());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            *response.headers_mut() = self.not_modified_headers.clone();
        } else {
            response = Response::new(Full::new(self.body.clone()));
            *response.headers_mut() = self.headers.clone();
        }
        response
    }

    /// Evaluates the conditions of a GET or HEAD (RFC 9110, section 13). `If-None-Match` takes precedence over
    /// `If-Modified-Since`. A condition that cannot be parsed is treated as not met, so the response is 200.
    fn is_not_modified(&self, request: &HeaderMap) -> bool {
        match request.typed_try_get::<IfNoneMatch>() {
            Ok(Some(tags)) => !tags.precondition_passes(&self.etag),
            Ok(None) => {
                request.typed_get::<IfModifiedSince>().is_some_and(|since| !since.is_modified(self.modified_at))
            }
            Err(_) => false,
        }
    }
}
