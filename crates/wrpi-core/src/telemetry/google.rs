//! One JSON object per line, with the field names that Google's Cloud Logging evaluates. It treats a line of standard
//! error without `severity` as an error.

use std::fmt;

use chrono::{SecondsFormat, Utc};
use serde_json::{Value, json};
use tracing::{Event, Level, Subscriber};
use tracing_serde::fields::AsMap;
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

/// Cloud Logging indexes labels, but no other field of ours: a request is found by its ID even in a large log.
const LABELS: &str = "logging.googleapis.com/labels";

pub(super) struct Google;

impl<S: Subscriber + for<'a> LookupSpan<'a>, N: for<'a> FormatFields<'a> + 'static> FormatEvent<S, N> for Google {
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let time = Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true);
        writeln!(writer, "{}", entry(event, &time).ok_or(fmt::Error)?)
    }
}

fn entry(event: &Event<'_>, time: &str) -> Option<Value> {
    let Ok(Value::Object(mut entry)) = serde_json::to_value(event.field_map()) else { return None };
    if let Some(id) = entry.remove("request_id") {
        entry.insert(LABELS.into(), json!({ "request_id": id }));
    }
    let metadata = event.metadata();
    entry.extend([
        ("time".into(), time.into()),
        ("severity".into(), severity(*metadata.level()).into()),
        ("target".into(), metadata.target().into()),
    ]);
    Some(entry.into())
}

/// Cloud Logging has no name for `trace`.
fn severity(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARNING",
        Level::INFO => "INFO",
        _ => "DEBUG",
    }
}
