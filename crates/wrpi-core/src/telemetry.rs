//! Logging: one line per event on standard error.

use std::io::IsTerminal;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::settings::Reader;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What is logged, and how.
#[derive(Debug)]
pub struct Settings {
    format: Format,
    filter: Targets,
}

/// The lines of `--help` on [`Settings`].
pub const HELP: &str = "  \
  LOG_FORMAT          text or json [text on a terminal, else json]
  RUST_LOG            what is logged, as tracing's directives: warn, or wrpi_core=debug [info]
";

impl Settings {
    /// Reads `LOG_FORMAT` (`json` or `text`; unset: text on a terminal, JSON otherwise) and `RUST_LOG` (tracing's
    /// directives; unset: `info`).
    pub fn read(reader: &mut Reader<'_>) -> Self {
        let default = if std::io::stderr().is_terminal() { Format::Text } else { Format::Json };
        Self {
            format: reader.value("LOG_FORMAT", default, "json or text", |text| match text {
                "json" => Some(Format::Json),
                "text" => Some(Format::Text),
                _ => None,
            }),
            filter: reader.value(
                "RUST_LOG",
                Targets::new().with_default(LevelFilter::INFO),
                "directives such as info or wrpi_core=debug",
                |text| text.parse().ok(),
            ),
        }
    }

    /// Starts logging for the whole process. A second call does nothing.
    pub fn init(self) {
        let layer = fmt::layer().with_writer(std::io::stderr);
        let layer = match self.format {
            Format::Text => layer.with_ansi(std::io::stderr().is_terminal()).boxed(),
            Format::Json => layer.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
        };
        let _already_started = tracing_subscriber::registry().with(layer.with_filter(self.filter)).try_init();
    }
}
