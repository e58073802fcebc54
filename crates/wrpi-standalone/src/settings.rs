//! The settings of `wrpi-standalone`, and the address at which to call it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use rand::Rng;
use rand::distr::{Alphanumeric, SampleString};
use wrpi_api::{AccessSettings, HttpSettings, Listeners, Passwords};
use wrpi_core::settings::{self, Description, Lookup, Reader, SettingsError, ValueParser};
use wrpi_core::{runtime, telemetry};

/// `wrpi-standalone` is for trying the API: by default it listens on loopback only.
const DEFAULT_HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const GENERATED_LENGTH: usize = 20;

/// All settings of `wrpi-standalone`.
pub(crate) struct Settings {
    pub(crate) passwords: Passwords,
    /// The argument of `curl -u`, quoted for a shell. It contains the password only if that was generated here.
    pub(crate) curl_user: String,
    pub(crate) interval: Duration,
    /// The address of the example page, if it is served.
    pub(crate) page: Option<SocketAddr>,
    pub(crate) http: HttpSettings,
    pub(crate) access: AccessSettings,
    pub(crate) telemetry: telemetry::Settings,
}

impl Settings {
    /// Reads the settings. If no password is set, generates one with `random`.
    pub(crate) fn from_lookup(lookup: Lookup<'_>, random: &mut impl Rng) -> Result<Self, SettingsError> {
        settings::load(lookup, |reader| Self::read(reader, random))
    }

    /// Describes all settings.
    pub(crate) fn describe() -> Vec<Description> {
        settings::describe(|reader| Self::read(reader, &mut rand::rng()))
    }

    fn read(reader: &mut Reader<'_>, random: &mut impl Rng) -> Option<Self> {
        let is_set = |name: &str| reader.raw(name).is_some_and(|value| !value.is_empty());
        let generated = Alphanumeric.sample_string(random, GENERATED_LENGTH);
        let (generated, curl_user) = match (is_set("APP_PASSWORD"), is_set("APP_PASSWORD_FILE")) {
            (false, false) => (Some(generated.clone().into()), format!("any:{generated}")),
            (true, _) => (None, "\"any:$APP_PASSWORD\"".to_owned()),
            (false, true) => (None, "\"any:$(cat \"$APP_PASSWORD_FILE\")\"".to_owned()),
        };
        let passwords = Passwords::read(reader, generated);
        let interval = "Time between two calculations.";
        let interval = reader.value("UPDATE_INTERVAL", "60s", ValueParser::duration(), interval);
        let page = "Listener for the example page.";
        let page = reader.optional("PAGE_ADDR", "no page", &ValueParser::socket_address(), page);
        let http = HttpSettings::read(reader, DEFAULT_HOST);
        let access = AccessSettings::read(reader);
        let telemetry = telemetry::Settings::read(reader);
        runtime::read_threads(reader);
        Some(Self { passwords: passwords?, curl_user, interval, page, http, access, telemetry })
    }
}

/// The URL scheme of the API and the address at which it listens: over TLS, if that is enabled.
pub(crate) fn endpoint(listeners: &Listeners) -> std::io::Result<(&'static str, SocketAddr)> {
    Ok(match &listeners.tls {
        Some(tls) => ("https", tls.local_addr()?),
        None => ("http", listeners.public.local_addr()?),
    })
}

/// The address at which clients on this host reach the listener at `address`.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(if address.ip().is_unspecified() { DEFAULT_HOST } else { address.ip() }, address.port())
}

#[cfg(test)]
mod tests;
