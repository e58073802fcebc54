//! Every answer, described by making one.

use std::time::Duration;

use http::header::{CONTENT_TYPE, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;
use serde_json::Value;
use utoipa::openapi::schema::Object;
use utoipa::openapi::{
    ComponentsBuilder, Content, ContentBuilder, Header, HeaderBuilder, Ref, RefOr, ResponseBuilder, Type, response,
};
use wrpi_core::Reading;

use super::WELCOME;
use crate::error::ApiError;
use crate::snapshot::Snapshot;

pub(super) const READING_SCHEMA: &str = "Reading";
pub(super) const EVENT_SCHEMA: &str = "Event";
pub(super) const ERROR_SCHEMA: &str = "Error";
/// Of the reading in the examples.
pub(super) const ETAG: &str = r#""64.078-1795486464""#;
pub(super) const LAST_MODIFIED: &str = "Tue, 24 Nov 2026 02:14:24 GMT";
pub(super) const ABOUT_STREAM: &str = "\
Server-sent events named `wrpi`: the data are what `GET /v0/wrpi` answers, the id is its ETag. A comment comes at \
least every 15 seconds. The stream ends when this server stops: ask again, with `Last-Event-ID`, for what is new. \
`EventSource` cannot send the password; read the body of a `fetch` instead.";

/// Every header: its name, an example and what it is for.
const HEADERS: [(&str, &str, &str); 18] = [
    ("access-control-allow-headers", "if-none-match", "The headers that a page may send."),
    ("access-control-allow-methods", "GET,HEAD", "The methods that a page may use."),
    ("access-control-allow-origin", "*", "The pages that may read this: all, or the one that asks, if it is listed."),
    ("access-control-expose-headers", "etag,retry-after,x-request-id", "What a page may read of the headers."),
    ("access-control-max-age", "7200", "How many seconds a browser may remember this."),
    ("allow", "GET,HEAD", "The methods of this path."),
    ("cache-control", "no-cache", "no-cache: ask each time, with If-None-Match. no-store: keep nothing."),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'", "Nothing here is a page."),
    ("etag", ETAG, "Names this reading."),
    ("last-modified", LAST_MODIFIED, "When it was calculated."),
    ("location", "https://wrpi.example.com/v0/wrpi", "The same over HTTPS."),
    ("retry-after", "5", "How many seconds to wait before asking again."),
    ("strict-transport-security", "max-age=31536000", "Over HTTPS only."),
    ("vary", "origin", "What else the answer depends on, where not every page may read it."),
    ("www-authenticate", r#"Basic realm="wayhome wrpi", charset="UTF-8""#, "Asks for the password."),
    ("x-accel-buffering", "no", "Tells proxies to pass events on at once."),
    ("x-content-type-options", "nosniff", "It is what Content-Type says."),
    ("x-request-id", "7f3a", "The request's own, where it had one."),
];
/// On every answer, besides its own.
const EVERYWHERE: [&str; 6] = [
    "access-control-allow-origin",
    "content-security-policy",
    "strict-transport-security",
    "vary",
    "x-content-type-options",
    "x-request-id",
];

/// An answer of the API.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    Reading,
    NotModified,
    Stream,
    Index,
    Description,
    Preflight,
    Redirect,
    BadRequest,
    Unauthenticated,
    Throttled,
    NoReading,
    NotFound,
    MethodNotAllowed,
}

impl Answer {
    const ALL: [Self; 13] = [
        Self::Reading,
        Self::NotModified,
        Self::Stream,
        Self::Index,
        Self::Description,
        Self::Preflight,
        Self::Redirect,
        Self::BadRequest,
        Self::Unauthenticated,
        Self::Throttled,
        Self::NoReading,
        Self::NotFound,
        Self::MethodNotAllowed,
    ];

    pub(super) fn status(self) -> String {
        self.made().status().as_str().to_owned()
    }

    /// Where the document has it.
    pub(super) fn reference(self) -> Ref {
        Ref::from_response_name(self.name())
    }

    fn name(self) -> String {
        format!("{self:?}")
    }

    /// One as the API makes it; what its layers add is [`Answer::added`].
    fn made(self) -> Response<Full<Bytes>> {
        let mut request = HeaderMap::new();
        match self {
            Self::Reading => snapshot().respond(&request),
            Self::NotModified => {
                request.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
                snapshot().respond(&request)
            }
            Self::Stream => with_type("text/event-stream", snapshot().event),
            Self::Index => with_type("text/plain", Bytes::from_static(WELCOME.as_bytes())),
            Self::Description => with_type("application/json", Bytes::from_static(b"{}")),
            Self::Preflight => {
                let mut answer = Response::new(Full::default());
                *answer.status_mut() = StatusCode::NO_CONTENT;
                answer
            }
            Self::Redirect => {
                let mut answer = Response::new(Full::default());
                *answer.status_mut() = StatusCode::PERMANENT_REDIRECT;
                answer
            }
            Self::BadRequest => ApiError::BadHost.response(),
            Self::Unauthenticated => ApiError::Unauthenticated.response(),
            Self::Throttled => ApiError::Throttled(Duration::from_secs(29)).response(),
            Self::NoReading => ApiError::NoReading.response(),
            Self::NotFound => ApiError::NotFound.response(),
            Self::MethodNotAllowed => ApiError::MethodNotAllowed.response(),
        }
    }

    /// The headers that the API's layers add.
    fn added(self) -> Vec<&'static str> {
        let own: &[_] = match self {
            Self::Preflight => {
                &["access-control-allow-headers", "access-control-allow-methods", "access-control-max-age", "allow"]
            }
            Self::MethodNotAllowed => &["access-control-expose-headers", "allow"],
            Self::Redirect => &["access-control-expose-headers", "location"],
            Self::Stream => &["access-control-expose-headers", "cache-control", "x-accel-buffering"],
            Self::Description => &["access-control-expose-headers", "cache-control"],
            _ => &["access-control-expose-headers"],
        };
        [own, &EVERYWHERE].concat()
    }

    fn about(self) -> &'static str {
        match self {
            Self::Reading => "The latest reading.",
            Self::NotModified => "The client has the latest reading already.",
            Self::Stream => "The stream.",
            Self::Index => "What there is to ask for.",
            Self::Description => "This description.",
            Self::Preflight => "What a page may ask; no password needed.",
            Self::Redirect => "Over plain HTTP, where HTTPS is on.",
            Self::BadRequest => {
                "No Host, more than one, or a body in pieces. (What is not HTTP at all gets a bare 400.)"
            }
            Self::Unauthenticated => "Missing, malformed or wrong credentials.",
            Self::Throttled => "This client has tried too many wrong passwords.",
            Self::NoReading => "No reading is known yet.",
            Self::NotFound => "What any path answers that is not described here.",
            Self::MethodNotAllowed => "What any method answers that is not described here.",
        }
    }

    fn described(self) -> response::Response {
        let answer = self.made();
        let own = answer.headers().keys().filter(|name| **name != CONTENT_TYPE).map(|name| name.as_str());
        let mut described = ResponseBuilder::new().description(self.about());
        for name in own.chain(self.added()) {
            described = described.header_ref(name, Ref::new(format!("#/components/headers/{name}")));
        }
        let content_type = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if let Some(content_type) = content_type.map(str::to_owned) {
            let body = answer.into_body().into_inner().unwrap_or_default();
            described = described.content(content_type, self.content(&String::from_utf8_lossy(&body)));
        }
        described.build()
    }

    fn content(self, body: &str) -> Content {
        let reference = |schema| Some(RefOr::Ref(Ref::from_schema_name(schema)));
        let object = |kind| Some(RefOr::T(Object::with_type(kind).into()));
        let (schema, example) = match self {
            Self::Reading => (reference(READING_SCHEMA), serde_json::from_str(body).ok()),
            Self::Stream => (reference(EVENT_SCHEMA), Some(fields(body))),
            Self::Index => (object(Type::String), Some(body.into())),
            Self::Description => (object(Type::Object), None),
            _ => (reference(ERROR_SCHEMA), serde_json::from_str(body).ok()),
        };
        ContentBuilder::new().schema(schema).example(example).build()
    }
}

/// The fields of an event, as tools describe one.
fn fields(event: &str) -> Value {
    event
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), Value::from(value)))
        .collect()
}

/// Adds all answers and headers.
pub(super) fn add(components: ComponentsBuilder) -> ComponentsBuilder {
    let components = components.responses_from_iter(Answer::ALL.map(|answer| (answer.name(), answer.described())));
    HEADERS
        .iter()
        .fold(components, |components, &(name, example, about)| components.header(name, header(example, about)))
}

fn header(example: &str, about: &str) -> Header {
    let number = example.parse::<u32>().ok();
    HeaderBuilder::new()
        .description(Some(about))
        .schema(Some(Object::with_type(if number.is_some() { Type::Integer } else { Type::String })))
        .example(Some(number.map_or_else(|| example.into(), Value::from)))
        .build()
}

fn with_type(content_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(body));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// The reading of the examples.
fn snapshot() -> Snapshot {
    let reading = Reading::from_stored(b"64.078", b"2026-11-24T02:14:24").ok();
    let snapshot = reading.and_then(|reading| Snapshot::new(reading, None, &HeaderMap::new()));
    let Some(snapshot) = snapshot else { unreachable!("the example is a reading") };
    snapshot
}
