//! The updater's settings.

use std::time::Duration;

use wrpi_core::settings::{self, Description, Form, Lookup, Reader, SettingsError};
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

impl Settings {
    /// Reads the settings.
    ///
    /// # Errors
    ///
    /// When any is bad: all that are.
    pub fn from_lookup(lookup: Lookup<'_>) -> Result<Self, SettingsError> {
        settings::load(lookup, |reader| Some(Self::read(reader)))
    }

    /// Describes each.
    pub fn describe() -> Vec<Description> {
        settings::describe(Self::read)
    }

    fn read(reader: &mut Reader<'_>) -> Self {
        let deadline = "How long one calculation may try to be stored.";
        let interval = "Time from one calculation to the next.";
        Self {
            store: store::Settings::read(reader, DEFAULT_DB),
            deadline: reader.value("UPDATE_DEADLINE", "30s", Form::duration(), deadline),
            interval: reader.optional("UPDATE_INTERVAL", "one calculation, then exit", &Form::duration(), interval),
            telemetry: telemetry::Settings::read(reader),
        }
    }
}
