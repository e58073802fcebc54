//! The API's settings.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use http::HeaderValue;
use tower_http::cors::AllowOrigin;
use wrpi_core::settings::{Lookup, Reader, SettingsError};
use wrpi_core::{store, telemetry};

use crate::auth::Password;

/// The database the API has always read from where nothing else is set.
const DEFAULT_DB: u16 = 0;
/// Listeners are for everyone unless told otherwise.
pub(crate) const DEFAULT_HOST: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// All that can be set.
#[derive(Debug)]
pub struct Settings {
    /// The store to follow.
    pub store: store::Settings,
    /// The longest time between two reads of the store.
    pub heartbeat: Duration,
    /// The password.
    pub password: Password,
    /// Listeners and origins.
    pub http: HttpSettings,
    /// Logging.
    pub telemetry: telemetry::Settings,
}

/// What is set of the HTTP side.
#[derive(Debug)]
pub struct HttpSettings {
    /// The public listener.
    pub listen: SocketAddr,
    /// The admin listener.
    pub admin: SocketAddr,
    /// The origins whose pages may call the API.
    pub allowed_origins: AllowOrigin,
}

/// The lines of `--help` on [`HttpSettings`] and the password, which has `password_default`.
pub fn help(default_host: IpAddr, password_default: &str) -> String {
    format!(
        "  \
  APP_PASSWORD        the password of all users, with any user name [{password_default}]
  APP_PASSWORD_FILE   a file with the password, instead of APP_PASSWORD
  LISTEN_ADDR         the public listener [{default_host}:8080]
  ADMIN_ADDR          the listener for /livez, /readyz and /metrics [{default_host}:9090]
  CORS_ALLOWED_ORIGINS
                      comma-separated origins of pages that may call the API, or * [*]
"
    )
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
        let http = HttpSettings::read(&mut reader, DEFAULT_HOST);
        let telemetry = telemetry::Settings::read(&mut reader);
        let password = reader.finish(Password::new(password))?;
        let Some(password) = password else { unreachable!("a required secret is not empty") };
        Ok(Self { store, heartbeat, password, http, telemetry })
    }

    /// The sections of `--help`.
    pub fn sections() -> [String; 4] {
        let heartbeat = "  REDIS_HEARTBEAT     the longest time between two reads of Redis [5s]\n";
        [store::help(DEFAULT_DB), heartbeat.to_owned(), help(DEFAULT_HOST, "required"), telemetry::HELP.to_owned()]
    }
}

impl HttpSettings {
    /// Reads `LISTEN_ADDR`, `ADMIN_ADDR` (both on `default_host` where unset) and `CORS_ALLOWED_ORIGINS`.
    pub fn read(reader: &mut Reader<'_>, default_host: IpAddr) -> Self {
        let mut address = |name, port: u16| {
            let default = SocketAddr::new(default_host, port);
            reader.value(name, default, "an IP address and port, such as 0.0.0.0:8080 or [::]:8080", |text| {
                text.parse().ok()
            })
        };
        Self {
            listen: address("LISTEN_ADDR", 8080),
            admin: address("ADMIN_ADDR", 9090),
            allowed_origins: reader.value(
                "CORS_ALLOWED_ORIGINS",
                AllowOrigin::any(),
                "*, or comma-separated origins such as https://app.example.com",
                parse_origins,
            ),
        }
    }
}

fn parse_origins(text: &str) -> Option<AllowOrigin> {
    if text.trim() == "*" {
        return Some(AllowOrigin::any());
    }
    let origins = text.split(',').map(|origin| parse_origin(origin.trim())).collect::<Option<Vec<_>>>()?;
    Some(AllowOrigin::list(origins))
}

/// An origin as a browser sends it: scheme, host and port in lower case, without a default port or a path.
fn parse_origin(text: &str) -> Option<HeaderValue> {
    let uri: http::Uri = text.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let default_port = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let is_as_sent = text == format!("{scheme}://{authority}").to_ascii_lowercase()
        && !authority.as_str().contains('@')
        && authority.port_u16() != Some(default_port);
    is_as_sent.then(|| HeaderValue::from_str(text).ok())?
}
