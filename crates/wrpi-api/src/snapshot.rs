//! The latest reading as a response and as an event: rendered once per reading, then only cloned.

use std::time::{Duration, SystemTime};

use http::header::LAST_MODIFIED;
use http::{HeaderMap, HeaderValue};
use hyper::body::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use wrpi_core::{Reading, Timestamp};

use crate::document::Document;

/// A rendered reading.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) document: Document,
    /// The reading in a stream.
    pub(crate) part: Part,
    /// The id of the event, which is also the entity tag, with its quotes.
    pub(crate) id: String,
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
        let seconds = u64::try_from(calculated_at.min(now).unix_seconds()).unwrap_or_default();
        let modified_at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let body = serde_json::to_string(&Body {
            latest_value: RawValue::from_string(value.to_string())?,
            latest_calculation_at: calculated_at.to_string(),
        })?;
        let id = format!("\"{value}-{}\"", calculated_at.unix_seconds());
        let mut headers = common.clone();
        headers.insert(LAST_MODIFIED, HeaderValue::try_from(httpdate::fmt_http_date(modified_at))?);
        let part = Part::new(format!("event: wrpi\nid: {id}\ndata: {body}\n\n"));
        let etag = HeaderValue::try_from(&id)?;
        let document = Document::with_headers("application/json", body.into(), etag, Some(modified_at), headers);
        Ok(Self { document, part, id })
    }
}
