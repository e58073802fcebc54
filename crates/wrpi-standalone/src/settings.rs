//! The settings of the all-in-one, and the line that shows how to call it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use rand::distr::{Alphanumeric, SampleString};
use wrpi_api::{AccessSettings, HttpSettings, Listeners, Password, Passwords};
use wrpi_core::settings::{Lookup, Reader, SettingsError};
use wrpi_core::telemetry;

/// The all-in-one is for a look: it listens on this host alone unless told otherwise.
const DEFAULT_HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const GENERATED_LENGTH: usize = 20;

/// All that can be set.
pub(crate) struct Settings {
    pub(crate) passwords: Passwords,
    /// How a shell can name the user and the password; with the password itself only where it was made here.
    pub(crate) curl_user: String,
    pub(crate) interval: Duration,
    /// Where the example page is, if anywhere.
    pub(crate) page: Option<SocketAddr>,
    pub(crate) http: HttpSettings,
    pub(crate) access: AccessSettings,
    pub(crate) telemetry: telemetry::Settings,
}

impl Settings {
    /// Reads the settings; a password that is not set is made with `random`.
    pub(crate) fn from_lookup(lookup: Lookup<'_>, random: &mut impl rand::Rng) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(lookup);
        let is_set = |name: &str| lookup(name).is_some_and(|value| !value.is_empty());
        let is_given = is_set("APP_PASSWORD") || is_set("APP_PASSWORD_FILE");
        let given = is_given.then(|| reader.required_secret("APP_PASSWORD")).and_then(Password::new);
        let previous = reader.secret("APP_PASSWORD_PREVIOUS").and_then(Password::new);
        let interval = reader.duration("UPDATE_INTERVAL", Duration::from_secs(60));
        let page = reader.value("PAGE_ADDR", None, "an IP address and port, such as 127.0.0.1:8000", |text| {
            text.parse().ok().map(Some)
        });
        let http = HttpSettings::read(&mut reader, DEFAULT_HOST);
        let access = AccessSettings::read(&mut reader);
        let telemetry = telemetry::Settings::read(&mut reader);
        let made = Alphanumeric.sample_string(random, GENERATED_LENGTH);
        let curl_user = match &given {
            None => format!("any:{made}"),
            Some(_) if is_set("APP_PASSWORD") => "\"any:$APP_PASSWORD\"".to_owned(),
            Some(_) => "\"any:$(cat \"$APP_PASSWORD_FILE\")\"".to_owned(),
        };
        let password = given.or_else(|| Password::new(made.into()));
        reader.finish(())?;
        let Some(current) = password else { unreachable!("what was made is not empty") };
        let passwords = Passwords { current, previous };
        Ok(Self { passwords, curl_user, interval, page, http, access, telemetry })
    }

    /// The sections of `--help`.
    pub(crate) fn sections() -> [String; 3] {
        let own = "  \
  UPDATE_INTERVAL     the time from one calculation to the next [60s]
  PAGE_ADDR           a listener for the example page [unset: no page]
";
        let http = wrpi_api::help(DEFAULT_HOST, "unset: a random one is made and printed");
        [own.to_owned(), http, telemetry::HELP.to_owned()]
    }
}

/// The base of the API's URLs on this host.
pub(crate) fn url(listeners: &Listeners) -> std::io::Result<String> {
    Ok(match &listeners.tls {
        Some(tls) => format!("https://{}", reachable(tls.local_addr()?)),
        None => format!("http://{}", reachable(listeners.public.local_addr()?)),
    })
}

/// Where the listener at `address` is reached from this host.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(if address.ip().is_unspecified() { DEFAULT_HOST } else { address.ip() }, address.port())
}
