//! The latest reading as every request is answered with it: rendered once, then only referred to.

use std::sync::Arc;
use std::time::SystemTime;

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, LAST_MODIFIED};
use http::{HeaderMap, HeaderValue, StatusCode};
use hyper::body::Bytes;
use tokio::sync::watch;
use wrpi_core::{Reading, Timestamp};

use crate::conditional::is_not_modified;

/// A rendered reading.
#[derive(Debug)]
pub(crate) struct Snapshot {
    body: Bytes,
    etag: HeaderValue,
    modified_at: Timestamp,
    last_modified: HeaderValue,
}

impl Snapshot {
    /// Renders `reading` as of `now`: a time of modification in the future must not be told (RFC 9110, 8.8.2.1),
    /// even where the updater's clock is ahead of this one.
    fn new(reading: Reading, now: Option<Timestamp>) -> Option<Self> {
        let Reading { value, calculated_at } = reading;
        let modified_at = now.map_or(calculated_at, |now| now.min(calculated_at));
        Some(Self {
            body: format!(r#"{{"latest_value":{value},"latest_calculation_at":"{calculated_at}"}}"#).into(),
            etag: HeaderValue::try_from(format!("\"{value}-{}\"", calculated_at.unix_seconds())).ok()?,
            modified_at,
            last_modified: HeaderValue::try_from(modified_at.to_http_date()).ok()?,
        })
    }

    /// The answer to a GET or HEAD with `headers`: 200, or 304 where the client has this reading already.
    pub(crate) fn respond(&self, headers: &HeaderMap) -> Response {
        let etag = self.etag.to_str().unwrap_or_default();
        let not_modified = is_not_modified(headers, etag, self.modified_at.unix_seconds());
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
    let rendered = |reading: Option<Reading>| {
        let now = Timestamp::new(SystemTime::now().into());
        reading.and_then(|reading| Snapshot::new(reading, now)).map(Arc::new)
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
