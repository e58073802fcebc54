//! The API's settings.

mod http;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use wrpi_core::settings::{Lookup, Reader, SettingsError};
use wrpi_core::{store, telemetry};

use crate::auth::{Password, Passwords};
pub(crate) use http::admin_address;
pub use http::{AccessSettings, HttpSettings, TlsSettings, help};

/// The database the API has always read from where nothing else is set.
const DEFAULT_DB: u16 = 0;
/// Listeners are for everyone unless told otherwise.
const DEFAULT_HOST: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// All that can be set.
#[derive(Debug)]
pub struct Settings {
    /// The store to follow.
    pub store: store::Settings,
    /// The longest time between two reads of the store.
    pub heartbeat: Duration,
    /// Who is let in.
    pub passwords: Passwords,
    /// Listeners and limits.
    pub http: HttpSettings,
    /// Who may call.
    pub access: AccessSettings,
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
        let mut reader = Reader::new(lookup);
        let store = store::Settings::read(&mut reader, DEFAULT_DB);
        let heartbeat = reader.duration("REDIS_HEARTBEAT", Duration::from_secs(5));
        let password = reader.required_secret("APP_PASSWORD");
        let previous = reader.secret("APP_PASSWORD_PREVIOUS").and_then(Password::new);
        let http = HttpSettings::read(&mut reader, DEFAULT_HOST);
        let access = AccessSettings::read(&mut reader);
        let telemetry = telemetry::Settings::read(&mut reader);
        let password = reader.finish(Password::new(password))?;
        let Some(password) = password else { unreachable!("a required secret is not empty") };
        let passwords = Passwords { current: password, previous };
        Ok(Self { store, heartbeat, passwords, http, access, telemetry })
    }

    /// The sections of `--help`.
    pub fn sections() -> [String; 4] {
        let heartbeat = "  REDIS_HEARTBEAT     the longest time between two reads of Redis [5s]\n";
        [store::help(DEFAULT_DB), heartbeat.to_owned(), help(DEFAULT_HOST, "required"), telemetry::HELP.to_owned()]
    }
}
