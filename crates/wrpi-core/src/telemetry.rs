//! Logging: one line per event on standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

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
    filter: EnvFilter,
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
                EnvFilter::new("info"),
                "directives such as info or wrpi_core=debug",
                |text| EnvFilter::try_new(text).ok(),
            ),
        }
    }

    /// Starts logging for the whole process. A second call does nothing.
    pub fn init(self) {
        let builder = tracing_subscriber::fmt().with_env_filter(self.filter).with_writer(std::io::stderr);
        let _already_started = match self.format {
            Format::Text => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
            Format::Json => {
                builder.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
            }
        };
    }
}
