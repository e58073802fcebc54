//! The updater's settings.

use std::time::Duration;

use wrpi_core::settings::{self, Description, Lookup, Reader, SettingsError, ValueParser};
use wrpi_core::{store, telemetry};

/// The Python updater had the same default.
const DEFAULT_DB: u16 = 1;

/// All settings of the updater.
#[derive(Debug)]
pub struct Settings {
    /// The store to write to.
    pub store: store::Settings,
    /// How long one run retries before it fails.
    pub deadline: Duration,
    /// The time between runs; `None`: one run only.
    pub interval: Option<Duration>,
    /// Logging.
    pub telemetry: telemetry::Settings,
}

impl Settings {
    /// Reads the settings.
    ///
    /// # Errors
    ///
    /// All invalid settings.
    pub fn from_lookup(lookup: Lookup<'_>) -> Result<Self, SettingsError> {
        settings::load(lookup, |reader| Some(Self::read(reader)))
    }

    /// Describes all settings.
    pub fn describe() -> Vec<Description> {
        settings::describe(Self::read)
    }

    fn read(reader: &mut Reader<'_>) -> Self {
        let deadline = "How long the updater tries to store a reading before it gives up, and how long `updater healthcheck` waits. \
             At most `UPDATE_INTERVAL`, if set.";
        let interval = "Time between two calculations.";
        Self {
            store: store::Settings::read(reader, DEFAULT_DB),
            deadline: reader.value("UPDATE_DEADLINE", "30s", ValueParser::duration(), deadline),
            interval: reader.optional(
                "UPDATE_INTERVAL",
                "one calculation, then exit",
                &ValueParser::duration(),
                interval,
            ),
            telemetry: telemetry::Settings::read(reader),
        }
    }
}
