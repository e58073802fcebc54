//! Logging: one line per event on standard error. A separate thread writes the lines, so no request waits for the
//! process that reads the log.

mod dropped;
mod filter;
mod google;

use std::fmt::Display;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::mpsc::channel;
use std::thread::Builder;
use std::time::Duration;

use prometheus::Registry;
use tracing::error;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::settings::{Reader, ValueParser};

/// Maximum number of queued lines, about 200 bytes each. When the queue is full, new lines are dropped.
const QUEUE: usize = 1024;
/// How long the process waits at its end until the last lines are read. Longer than [`WorkerGuard`]'s own timeout.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
    /// One JSON object per line, for Google's Cloud Logging.
    Google,
}

/// The format of the log, and which events it contains.
#[derive(Clone, Debug)]
pub struct Settings {
    format: Format,
    filter: Targets,
}

impl Settings {
    /// Reads the settings.
    pub fn read(reader: &mut Reader<'_>) -> Self {
        let format = ValueParser::choice(&[("google", Format::Google), ("json", Format::Json), ("text", Format::Text)]);
        let unset = "text on a terminal, else JSON";
        let meaning = "Format of the log on standard error: `text`, `json`, or `google` for Google's Cloud Logging.";
        let format = reader.optional("LOG_FORMAT", unset, &format, meaning);
        let default = if std::io::stderr().is_terminal() { Format::Text } else { Format::Json };
        let meaning = "Log level, optionally with other levels for single modules (`warn,wrpi_core=debug`). \
                       Libraries log only if you name them (`info,h2=warn`).";
        Self {
            format: format.unwrap_or(default),
            filter: reader.value("RUST_LOG", "info", ValueParser::new(filter::ALLOWED, filter::parse), meaning),
        }
    }

    /// Starts logging, including panics, for the whole process. Call it once.
    pub fn init(&self) -> Log {
        let (writer, guard) =
            NonBlockingBuilder::default().lossy(true).buffered_lines_limit(QUEUE).finish(std::io::stderr());
        let dropped = writer.error_counter();
        let layer = fmt::layer().with_writer(writer);
        let layer = match self.format {
            Format::Text => layer.with_ansi(std::io::stderr().is_terminal()).boxed(),
            Format::Google => layer.event_format(google::Google).boxed(),
            Format::Json => layer.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
        };
        let _already_started = tracing_subscriber::registry().with(layer.with_filter(self.filter.clone())).try_init();
        std::panic::set_hook(Box::new(|panic| error!(%panic, "panicked")));
        Log { guard, dropped }
    }
}

/// The log of the process. `main` keeps it and calls [`Log::end`] last, which writes the queued lines.
#[must_use]
#[derive(Debug)]
pub struct Log {
    guard: WorkerGuard,
    dropped: ErrorCounter,
}

impl Log {
    /// A registry for the metrics of the process. It already contains the metric of dropped lines.
    ///
    /// # Errors
    ///
    /// When the name of that metric is invalid.
    pub fn registry(&self) -> Result<Registry, prometheus::Error> {
        let registry = Registry::new();
        registry.register(Box::new(dropped::Lines::new(self.dropped.clone())?))?;
        Ok(registry)
    }

    /// Logs the error if the process failed, and writes the queued lines. Returns the exit code.
    pub fn end(self, outcome: Result<(), impl Display>) -> ExitCode {
        if let Err(error) = &outcome {
            error!(error = format!("{error:#}"), "ended with an error");
        }
        // The guard gives up on a full pipe after about a second, but reports that on standard output, which may block
        // too.
        let (done, flushed) = channel();
        let flush = Builder::new().spawn(move || {
            drop(self.guard);
            done.send(())
        });
        if flush.is_ok() {
            let _gave_up = flushed.recv_timeout(FLUSH_TIMEOUT);
        }
        if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
