//! The latest reading as every request is answered with it: rendered once, then only referred to.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, LAST_MODIFIED};
use http::{HeaderMap, HeaderValue, StatusCode};
use hyper::body::Bytes;
use tokio::sync::watch;
use wrpi_core::Reading;

use crate::conditional::is_not_modified;

/// A rendered reading.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) reading: Reading,
    body: Bytes,
    etag: HeaderValue,
    last_modified: HeaderValue,
}

impl Snapshot {
    fn new(reading: Reading) -> Option<Self> {
        let Reading { value, calculated_at } = reading;
        let seconds = calculated_at.unix_seconds();
        Some(Self {
            reading,
            body: format!(r#"{{"latest_value":{value},"latest_calculation_at":"{calculated_at}"}}"#).into(),
            etag: HeaderValue::try_from(format!("\"{value}-{seconds}\"")).ok()?,
            last_modified: HeaderValue::try_from(calculated_at.to_http_date()).ok()?,
        })
    }

    /// The answer to a GET or HEAD with `headers`: 200, or 304 where the client has this reading already.
    pub(crate) fn respond(&self, headers: &HeaderMap) -> Response {
        let etag = self.etag.to_str().unwrap_or_default();
        let not_modified = is_not_modified(headers, etag, self.reading.calculated_at.unix_seconds());
        let mut response = if not_modified {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        } else {
            let mut response = Response::new(Body::from(self.body.clone()));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        };
        let headers = response.headers_mut();
        headers.insert(ETAG, self.etag.clone());
        headers.insert(LAST_MODIFIED, self.last_modified.clone());
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    }
}

/// Renders each of `readings` as it comes, until their sender is gone.
pub(crate) fn render(mut readings: watch::Receiver<Option<Reading>>) -> watch::Receiver<Option<Arc<Snapshot>>> {
    let rendered = |reading: Option<Reading>| reading.and_then(Snapshot::new).map(Arc::new);
    let (sender, receiver) = watch::channel(rendered(*readings.borrow_and_update()));
    tokio::spawn(async move {
        while readings.changed().await.is_ok() {
            let reading = *readings.borrow_and_update();
            sender.send_replace(rendered(reading));
        }
    });
    receiver
}
