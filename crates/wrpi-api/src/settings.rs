//! The API's settings.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

use secrecy::SecretString;
use tracing::warn;
use wrpi_core::certificates::ALLOWED;
use wrpi_core::settings::{self, Description, Lookup, Reader, SettingsError, ValueParser};
use wrpi_core::{runtime, store, telemetry};

use crate::auth::{ClientIpSource, Password, Passwords, ThrottleLimit};
use crate::certificates::Certificates;
use crate::middleware::cors::AllowedOrigins;

/// The Python API had the same default.
const DEFAULT_DB: u16 = 0;
/// By default, public listeners accept connections on all addresses.
const DEFAULT_HOST: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// All settings of the API.
#[derive(Debug)]
pub struct Settings {
    /// The store to follow.
    pub store: store::Settings,
    /// Maximum time between two reads of the store.
    pub heartbeat: Duration,
    /// The passwords.
    pub passwords: Passwords,
    /// Listeners and limits.
    pub http: HttpSettings,
    /// Who may call the API.
    pub access: AccessSettings,
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
        settings::load(lookup, Self::read)
    }

    /// Describes all settings.
    pub fn describe() -> Vec<Description> {
        settings::describe(Self::read)
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let heartbeat = "Maximum time between two reads of Redis, in case an invalidation message is lost.";
        let store = store::Settings::read(reader, DEFAULT_DB);
        let heartbeat = reader.value("REDIS_HEARTBEAT", "5s", ValueParser::duration(), heartbeat);
        let passwords = Passwords::read(reader, None);
        let http = HttpSettings::read(reader, DEFAULT_HOST);
        let access = AccessSettings::read(reader);
        let telemetry = telemetry::Settings::read(reader);
        runtime::read_threads(reader);
        Some(Self { store, heartbeat, passwords: passwords?, http, access, telemetry })
    }
}

impl Passwords {
    /// Reads the passwords. If `APP_PASSWORD` is not set, the current password is `generated`; without that it is
    /// required.
    pub fn read(reader: &mut Reader<'_>, generated: Option<SecretString>) -> Option<Self> {
        let (name, meaning) = ("APP_PASSWORD", "Password of all clients. They may send any user name.");
        let current = match generated {
            None => reader.required_secret(name, meaning),
            Some(generated) => reader.secret(name, "generated and printed", meaning).or(Some(generated)),
        };
        let meaning = "Previous password, still accepted. Remove it when `wrpi_auth_previous_password_total` no longer \
                       grows. Ignored if it equals the current password.";
        let previous = reader.secret("APP_PASSWORD_PREVIOUS", "none", meaning);
        Some(Self { current: Password::new(current?)?, previous: previous.and_then(Password::new) })
    }
}

/// The listeners and the limits of their connections.
#[derive(Debug)]
pub struct HttpSettings {
    /// The public listener.
    pub listen: SocketAddr,
    /// The public listener over TLS.
    pub tls: Option<TlsSettings>,
    /// The admin listener.
    pub admin: SocketAddr,
    /// Maximum open connections of the public listeners.
    pub max_connections: usize,
    /// How long a connection may be idle after a request.
    pub idle_timeout: Duration,
}

/// The TLS listener.
#[derive(Debug)]
pub struct TlsSettings {
    /// Its address.
    pub listen: SocketAddr,
    /// Its certificate.
    pub certificates: Certificates,
    /// Whether the plain listener redirects to HTTPS instead of serving.
    pub redirect: bool,
    /// The public HTTPS port, used in redirects; 0: the port that the listener is bound to.
    pub https_port: u16,
    /// How long browsers must use HTTPS, in seconds; 0 sends no `Strict-Transport-Security`.
    pub hsts_max_age: u32,
}

/// Who may call the API.
#[derive(Clone, Debug)]
pub struct AccessSettings {
    /// How many wrong passwords a client may try; `None`: no limit.
    pub throttle: Option<ThrottleLimit>,
    /// Where a client's address comes from.
    pub client_ip: ClientIpSource,
    /// The origins whose pages may call the API.
    pub origins: AllowedOrigins,
}

impl HttpSettings {
    /// Reads the settings. `default_host` is the default host of public listeners.
    pub fn read(reader: &mut Reader<'_>, default_host: IpAddr) -> Self {
        let on = |port| SocketAddr::new(default_host, port).to_string();
        let connections = "Maximum open connections of the public listeners. When full, unauthenticated connections are \
                           closed first, oldest first. Budget up to 96 KiB of memory each, 160 over TLS.";
        let idle = "How long a connection may be idle after a request. Behind a load balancer, set a longer time than \
                    the load balancer's own.";
        let settings = Self {
            listen: reader.value("LISTEN_ADDR", &on(8080), ValueParser::socket_address(), "Public listener."),
            tls: TlsSettings::read(reader, &on(8443)),
            admin: admin_address(reader),
            max_connections: reader.value("MAX_CONNECTIONS", "10000", ValueParser::number(1..=1_000_000), connections),
            idle_timeout: reader.value("IDLE_TIMEOUT", "75s", ValueParser::duration(), idle),
        };
        settings.reject_overlaps(reader);
        settings
    }

    /// The public listeners, each with its variable.
    fn public(&self) -> impl Iterator<Item = (&'static str, SocketAddr)> {
        [("LISTEN_ADDR", self.listen)].into_iter().chain(self.tls.as_ref().map(|tls| ("TLS_LISTEN_ADDR", tls.listen)))
    }

    fn reject_overlaps(&self, reader: &mut Reader<'_>) {
        let listeners: Vec<_> = self.public().chain([("ADMIN_ADDR", self.admin)]).collect();
        for (at, (name, address)) in listeners.iter().enumerate() {
            let is_same = |other: SocketAddr| address.port() == other.port() && overlap(address.ip(), other.ip());
            for (other_name, other) in listeners[..at].iter().filter(|(_, other)| other.port() != 0 && is_same(*other))
            {
                let wrong = format!("are {other} and {address}, which overlap");
                reader.reject(&format!("{other_name} and {name}"), &wrong, "different ports or IP addresses");
            }
        }
    }

    /// Logs a warning if clients of a public listener can reach the admin listener.
    pub(crate) fn warn_of_public_admin(&self) {
        let ip = self.admin.ip();
        if let Some((_, public)) = self.public().find(|(_, public)| !ip.is_loopback() && overlap(ip, public.ip())) {
            let (admin, public) = (self.admin.to_string(), public.to_string());
            warn!(admin, public, "the admin listener is on a public listener's address; block its port for clients");
        }
    }
}

impl TlsSettings {
    fn read(reader: &mut Reader<'_>, default: &str) -> Option<Self> {
        let known = reader.problems();
        let meaning = "PEM file of the certificate chain. With `TLS_KEY_FILE` it enables HTTPS. Reloaded when changed.";
        let chain = reader.optional("TLS_CERT_FILE", "no HTTPS", &ValueParser::path(), meaning);
        let key = reader.optional("TLS_KEY_FILE", "no HTTPS", &ValueParser::path(), "PEM file of the private key.");
        let listen =
            reader.value("TLS_LISTEN_ADDR", default, ValueParser::socket_address(), "Public listener over TLS.");
        let meaning = "What the plain listener does when HTTPS is enabled: `redirect` (308, except `/`) or `serve`.";
        let plain = ValueParser::choice(&[("redirect", true), ("serve", false)]);
        let redirect = reader.value("PLAIN_HTTP", "redirect", plain, meaning);
        let (unset, port) = ("the port of `TLS_LISTEN_ADDR`", ValueParser::number(1..=u16::MAX));
        let https_port = reader.optional("HTTPS_PORT", unset, &port, "Public HTTPS port, used in redirects.");
        let meaning = "How long browsers must use HTTPS, in seconds (`Strict-Transport-Security`). `0`: no header.";
        let hsts_max_age = reader.value("HSTS_MAX_AGE", "31536000", ValueParser::number(0..=u32::MAX), meaning);
        let (files, are_good) = ("TLS_CERT_FILE and TLS_KEY_FILE:", reader.problems() == known);
        match (chain, key) {
            (Some(chain), Some(key)) => match Certificates::load(chain, key) {
                Ok(certificates) => {
                    let https_port = https_port.unwrap_or(listen.port());
                    return Some(Self { listen, certificates, redirect, https_port, hsts_max_age });
                }
                Err(error) => {
                    reader.reject(files, &error.to_string(), ALLOWED);
                }
            },
            _ if !are_good => {}
            (None, None) => reject_https(reader),
            _ => reader.reject(files, "only one is set", "both or neither"),
        }
        None
    }
}

/// Rejects settings that need HTTPS if there is no certificate: the user who set them expects HTTPS to be enabled.
fn reject_https(reader: &mut Reader<'_>) {
    let https = [("TLS_LISTEN_ADDR", ""), ("PLAIN_HTTP", "serve"), ("HTTPS_PORT", ""), ("HSTS_MAX_AGE", "0")];
    for (name, harmless) in https {
        if reader.raw(name).is_some_and(|raw| raw != harmless) {
            reader.reject(name, "is set without HTTPS", "only with TLS_CERT_FILE and TLS_KEY_FILE");
        }
    }
}

impl AccessSettings {
    /// Reads the settings.
    pub fn read(reader: &mut Reader<'_>) -> Self {
        let guesses = "How many different wrong passwords a client may try at once. `0`: no limit.";
        let burst = reader.value("AUTH_GUESSES", "10", ValueParser::number(0..=100), guesses);
        let refill = "Time until a client may try one more password.";
        let refill = reader.value("AUTH_GUESS_REFILL", "30s", ValueParser::duration(), refill);
        let client_ip = "Source of a client's address: `connection`, or a header that your proxy sets, such as \
                         `x-forwarded-for:2` (the second address from the right).";
        let source = "connection, or a header name, optionally with a position from 1 to 100, such as x-real-ip, \
                      x-forwarded-for:2 or forwarded";
        let source = ValueParser::new(source, ClientIpSource::parse);
        let origins = "Comma-separated origins of the pages that may call the API. `*` allows all.";
        let allowed = "*, or comma-separated origins such as https://app.example.com or capacitor://localhost";
        let allowed = ValueParser::new(allowed, AllowedOrigins::parse);
        Self {
            throttle: NonZeroU32::new(burst).map(|burst| ThrottleLimit { burst, refill }),
            client_ip: reader.value("CLIENT_IP_SOURCE", "connection", source, client_ip),
            origins: reader.value("CORS_ALLOWED_ORIGINS", "*", allowed, origins),
        }
    }
}

/// Reads the address of the admin listener alone.
pub(crate) fn admin_address(reader: &mut Reader<'_>) -> SocketAddr {
    let meaning = "Admin listener: `/livez`, `/readyz` and `/metrics`. Never expose it to clients.";
    reader.value("ADMIN_ADDR", "127.0.0.1:9090", ValueParser::socket_address(), meaning)
}

/// Whether listeners on these two addresses share an address.
fn overlap(one: IpAddr, other: IpAddr) -> bool {
    // `[::]` accepts IPv4 too.
    let covers = |all: IpAddr, ip: IpAddr| all.is_unspecified() && (all.is_ipv6() || ip.is_ipv4());
    one == other || covers(one, other) || covers(other, one)
}
