//! The updater's settings.

use std::time::Duration;

use wrpi_core::settings::{Lookup, Reader, SettingsError};
use wrpi_core::{store, telemetry};

/// The database the updater has always written to where nothing else is set.
const DEFAULT_DB: u16 = 1;

/// All that can be set.
#[derive(Debug)]
pub struct Settings {
    /// The store to write to.
    pub store: store::Settings,
    /// How long one run may try.
    pub deadline: Duration,
    /// The time from run to run; `None`: one run only.
    pub interval: Option<Duration>,
    /// Logging.
    pub telemetry: telemetry::Settings,
}

/// The lines of `--help` on the calculation.
const HELP: &str = "  \
  UPDATE_DEADLINE     how long one calculation may try to be stored [30s]
  UPDATE_INTERVAL     keep running, one calculation per interval [unset: one, then exit]
";

impl Settings {
    /// Reads the settings.
    ///
    /// # Errors
    ///
    /// When any is bad: all that are.
    pub fn from_lookup(lookup: Lookup<'_>) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(lookup);
        let settings = Self {
            store: store::Settings::read(&mut reader, DEFAULT_DB),
            deadline: reader.duration("UPDATE_DEADLINE", Duration::from_secs(30)),
            interval: reader.duration("UPDATE_INTERVAL", None),
            telemetry: telemetry::Settings::read(&mut reader),
        };
        reader.finish(settings)
    }

    /// The sections of `--help`.
    pub fn sections() -> [String; 3] {
        [store::help(DEFAULT_DB), HELP.to_owned(), telemetry::HELP.to_owned()]
    }
}
