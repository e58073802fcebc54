//! The latest reading as every request is answered with it: rendered once, then only referred to.

use std::sync::Arc;
use std::time::SystemTime;

use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, LAST_MODIFIED};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;
use tokio::sync::watch;
use wrpi_core::{Reading, Timestamp};

use crate::conditional::is_not_modified;

/// A rendered reading.
#[derive(Debug)]
pub(crate) struct Snapshot {
    body: Bytes,
    /// The reading as an event of a stream (HTML Living Standard, section 9.2).
    pub(crate) event: Bytes,
    pub(crate) etag: String,
    modified_at: i64,
    /// The headers of a 200, and of a 304.
    headers: HeaderMap,
    not_modified_headers: HeaderMap,
}

impl Snapshot {
    /// Renders `reading` as of `now`, with `common` headers: a time of modification in the future must not be told
    /// (RFC 9110, 8.8.2.1), even where the updater's clock is ahead of this one.
    pub(crate) fn new(reading: Reading, now: Option<Timestamp>, common: &HeaderMap) -> Option<Self> {
        let Reading { value, calculated_at } = reading;
        let modified_at = now.map_or(calculated_at, |now| now.min(calculated_at));
        let body = format!(r#"{{"latest_value":{value},"latest_calculation_at":"{calculated_at}"}}"#);
        let etag = format!("\"{value}-{}\"", calculated_at.unix_seconds());
        let mut headers = common.clone();
        headers.insert(ETAG, HeaderValue::try_from(&etag).ok()?);
        headers.insert(LAST_MODIFIED, HeaderValue::try_from(modified_at.to_http_date()).ok()?);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        let not_modified_headers = headers.clone();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Some(Self {
            event: format!("event: wrpi\nid: {etag}\ndata: {body}\n\n").into(),
            body: body.into(),
            etag,
            modified_at: modified_at.unix_seconds(),
            headers,
            not_modified_headers,
        })
    }

    /// The answer to a GET or HEAD with the headers `request`: 200, or 304 where the client has this reading already.
    pub(crate) fn respond(&self, request: &HeaderMap) -> Response<Full<Bytes>> {
        let mut response;
        if is_not_modified(request, &self.etag, self.modified_at) {
            response = Response::new(Full::default());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            *response.headers_mut() = self.not_modified_headers.clone();
        } else {
            response = Response::new(Full::new(self.body.clone()));
            *response.headers_mut() = self.headers.clone();
        }
        response
    }
}

/// Renders each of `readings` as it comes, with `common` headers, until their sender is gone.
pub(crate) fn render(
    mut readings: watch::Receiver<Option<Reading>>,
    common: HeaderMap,
) -> watch::Receiver<Option<Arc<Snapshot>>> {
    let rendered = move |reading: Option<Reading>| {
        let now = Timestamp::new(SystemTime::now().into());
        reading.and_then(|reading| Snapshot::new(reading, now, &common)).map(Arc::new)
    };
    let (sender, receiver) = watch::channel(rendered(*readings.borrow_and_update()));
    tokio::spawn(async move {
        while readings.changed().await.is_ok() {
            let reading = *readings.borrow_and_update();
            sender.send_replace(rendered(reading));
        }
    });
    receiver
}
