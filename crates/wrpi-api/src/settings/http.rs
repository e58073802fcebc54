//! What is set of the HTTP side.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

use wrpi_core::settings::Reader;

use crate::auth::{ClientIpSource, ThrottleLimit};
use crate::certificates::Certificates;
use crate::middleware::cors::AllowedOrigins;

/// Listeners, and the limits of their connections.
#[derive(Debug)]
pub struct HttpSettings {
    /// The public listener.
    pub listen: SocketAddr,
    /// The public listener over TLS.
    pub tls: Option<TlsSettings>,
    /// The admin listener.
    pub admin: SocketAddr,
    /// How many connections the public listeners may have at once.
    pub max_connections: usize,
    /// How long a connection may rest.
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
    /// The public HTTPS port that redirects name; 0: the port that the listener is bound to.
    pub https_port: u16,
    /// How long a browser must use HTTPS only, in seconds; 0 sends no `Strict-Transport-Security`.
    pub hsts_max_age: u32,
}

/// Who may call the API.
#[derive(Clone, Debug)]
pub struct AccessSettings {
    /// How many wrong passwords a client may try; `None` is without limit.
    pub throttle: Option<ThrottleLimit>,
    /// Where a client's address comes from.
    pub client_ip: ClientIpSource,
    /// The origins whose pages may call the API.
    pub origins: AllowedOrigins,
}

/// The lines of `--help` on all this and the password, which has `password_default`.
pub fn help(default_host: IpAddr, password_default: &str) -> String {
    format!(
        "  \
  APP_PASSWORD        the password of all users, with any user name [{password_default}]
  APP_PASSWORD_FILE   a file with the password, instead of APP_PASSWORD
  APP_PASSWORD_PREVIOUS
                      accepted too, during a change of the password [none]
  APP_PASSWORD_PREVIOUS_FILE
                      a file with it
  LISTEN_ADDR         the public listener [{default_host}:8080]
  TLS_CERT_FILE       a PEM file with the certificate chain; it and TLS_KEY_FILE turn HTTPS on [unset]
  TLS_KEY_FILE        a PEM file with the certificate's key [unset]
  TLS_LISTEN_ADDR     the public listener over TLS [{default_host}:8443]
  PLAIN_HTTP          with HTTPS on, redirect or serve: what LISTEN_ADDR does [redirect]
  HTTPS_PORT          the public HTTPS port that redirects name [the port of TLS_LISTEN_ADDR]
  HSTS_MAX_AGE        Strict-Transport-Security: how many seconds browsers stay with HTTPS; 0 sends none [31536000]
  ADMIN_ADDR          the listener for /livez, /readyz and /metrics [127.0.0.1:9090]
  MAX_CONNECTIONS     how many connections the public listeners take; then strangers make room [10000]
  IDLE_TIMEOUT        how long a connection may rest [75s]
  AUTH_GUESSES        how many different wrong passwords a client may try at once, up to 100; 0 is no limit [10]
  AUTH_GUESS_REFILL   the time after which it may try one more [30s]
  CLIENT_IP_SOURCE    connection, or the proxy's header that has the client's address, with its position from the
                      right where that is not 1, such as x-forwarded-for:2 [connection]
  CORS_ALLOWED_ORIGINS
                      comma-separated origins of pages that may call the API, or * [*]
"
    )
}

impl HttpSettings {
    /// Reads the settings; listeners are on `default_host` where unset.
    pub fn read(reader: &mut Reader<'_>, default_host: IpAddr) -> Self {
        let default = |port| SocketAddr::new(default_host, port);
        Self {
            listen: address(reader, "LISTEN_ADDR", default(8080)),
            tls: TlsSettings::read(reader, default(8443)),
            admin: admin_address(reader),
            max_connections: reader.value("MAX_CONNECTIONS", 10_000, "a number from 1", |text| {
                text.parse().ok().filter(|number| *number > 0)
            }),
            idle_timeout: reader.duration("IDLE_TIMEOUT", Duration::from_secs(75)),
        }
    }
}

impl TlsSettings {
    fn read(reader: &mut Reader<'_>, default: SocketAddr) -> Option<Self> {
        let listen = address(reader, "TLS_LISTEN_ADDR", default);
        let path = |text: &str| (!text.is_empty()).then(|| Some(text.into()));
        let chain = reader.value("TLS_CERT_FILE", None, "a path", path);
        let key = reader.value("TLS_KEY_FILE", None, "a path", path);
        let redirect = reader.value("PLAIN_HTTP", None, "redirect or serve", |text| match text {
            "redirect" => Some(Some(true)),
            "serve" => Some(Some(false)),
            _ => None,
        });
        let https_port = reader.value("HTTPS_PORT", listen.port(), "a port from 1 to 65535", |text| {
            text.parse().ok().filter(|port| *port > 0)
        });
        let allowed = "seconds, from 0 to 4294967295";
        let hsts_max_age = reader.value("HSTS_MAX_AGE", 31_536_000, allowed, |text| text.parse().ok());
        match (chain, key) {
            (Some(chain), Some(key)) => match Certificates::load(chain, key) {
                Ok(certificates) => {
                    let redirect = redirect.unwrap_or(true);
                    return Some(Self { listen, certificates, redirect, https_port, hsts_max_age });
                }
                Err(error) => reader.problem(format!(
                    "TLS_CERT_FILE and TLS_KEY_FILE: {error:#}; allowed: PEM files of a certificate and its key"
                )),
            },
            (None, None) if redirect == Some(true) => {
                reader.problem(
                    "PLAIN_HTTP is \"redirect\"; allowed: only with TLS_CERT_FILE and TLS_KEY_FILE".to_owned(),
                );
            }
            (None, None) => {}
            _ => reader.problem("TLS_CERT_FILE and TLS_KEY_FILE: one is set; allowed: both or neither".to_owned()),
        }
        None
    }
}

impl AccessSettings {
    /// Reads the settings.
    pub fn read(reader: &mut Reader<'_>) -> Self {
        let burst = reader.value("AUTH_GUESSES", 10, "a number up to 100; 0 is no limit", |text| {
            text.parse().ok().filter(|number| *number <= 100)
        });
        let refill = reader.duration("AUTH_GUESS_REFILL", Duration::from_secs(30));
        Self {
            throttle: NonZeroU32::new(burst).map(|burst| ThrottleLimit { burst, refill }),
            client_ip: reader.value(
                "CLIENT_IP_SOURCE",
                ClientIpSource::Connection,
                "connection, or a header's name and the position in it, such as x-real-ip or x-forwarded-for:2",
                ClientIpSource::parse,
            ),
            origins: reader.value(
                "CORS_ALLOWED_ORIGINS",
                AllowedOrigins::Any,
                "*, or comma-separated origins such as https://app.example.com",
                AllowedOrigins::parse,
            ),
        }
    }
}

/// Reads the address of the admin listener alone.
pub(crate) fn admin_address(reader: &mut Reader<'_>) -> SocketAddr {
    address(reader, "ADMIN_ADDR", SocketAddr::from(([127, 0, 0, 1], 9090)))
}

fn address(reader: &mut Reader<'_>, name: &str, default: SocketAddr) -> SocketAddr {
    let allowed = "an IP address and port, such as 0.0.0.0:8080 or [::]:8080";
    reader.value(name, default, allowed, |text| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_cannot_be_read_is_told_in_one_line() {
        let lookup = |name: &str| ["TLS_CERT_FILE", "TLS_KEY_FILE"].contains(&name).then(|| "/nonexistent/\n".into());
        let mut reader = Reader::new(&lookup);
        HttpSettings::read(&mut reader, [127, 0, 0, 1].into());
        assert_eq!(
            reader.finish(()).unwrap_err().to_string(),
            "TLS_CERT_FILE and TLS_KEY_FILE: \"/nonexistent/\\n\": No such file or directory (os error 2); allowed: PEM files \
             of a certificate and its key"
        );
    }
}
