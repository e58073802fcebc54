//! Where the Redis store is, and who asks.

use redis::ConnectionAddr;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use secrecy::SecretString;

use crate::settings::Reader;

/// Where the store is and who asks.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Database number.
    pub db: u16,
    /// ACL user; `None` is Redis's default user.
    pub user: Option<String>,
    /// Password; `None` where the server wants none.
    pub password: Option<SecretString>,
    /// Whether the connection is encrypted.
    pub tls: Tls,
}

/// How the connection is encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Not at all.
    Off,
    /// The well-known authorities vouch for the server.
    WellKnown,
    /// The authorities in this PEM text do, and no other.
    Private {
        /// Their certificates.
        authorities: Vec<u8>,
        /// Whether a certificate that is not for the server's name will do.
        any_name: bool,
    },
}

impl Settings {
    /// Reads `REDIS_HOST`, `REDIS_PORT`, `REDIS_DB`, `REDIS_USER`, `REDIS_PASS` or `REDIS_PASS_FILE`, `REDIS_TLS`,
    /// `REDIS_CA_FILE` and `REDIS_TLS_ANY_NAME`.
    pub fn read(reader: &mut Reader<'_>, default_db: u16) -> Self {
        let not_empty = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Self {
            host: reader.value("REDIS_HOST", "localhost".to_owned(), "a host name or address", not_empty),
            port: reader
                .value("REDIS_PORT", 6379, "a port from 1 to 65535", |text| text.parse().ok().filter(|p| *p > 0)),
            db: reader.value("REDIS_DB", default_db, "a database number from 0 to 65535", |text| text.parse().ok()),
            user: reader.value("REDIS_USER", None, "a user name, or empty", |text| Some(not_empty(text))),
            password: reader.secret("REDIS_PASS"),
            tls: read_tls(reader),
        }
    }

    pub(super) fn server(&self) -> ConnectionAddr {
        let (host, port) = (self.host.clone(), self.port);
        match self.tls {
            Tls::Off => ConnectionAddr::Tcp(host, port),
            _ => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
        }
    }

    /// Where the store is, for messages: host, port and database number.
    pub fn address(&self) -> String {
        format!("{}:{}/{}", self.host, self.port, self.db)
    }
}

fn read_tls(reader: &mut Reader<'_>) -> Tls {
    let is_on = reader.value("REDIS_TLS", false, "true or false", |text| text.parse().ok());
    let private = reader.value("REDIS_CA_FILE", None, "a readable PEM file with a certificate", |path| {
        let pem = std::fs::read(path).ok()?;
        let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>().ok()?;
        (!certificates.is_empty()).then_some(Some(pem))
    });
    let any_name = reader.value("REDIS_TLS_ANY_NAME", false, "true or false", |text| text.parse().ok());
    if any_name && private.is_none() {
        // Anyone can have a certificate for some name from a well-known authority.
        reader.problem("REDIS_TLS_ANY_NAME is \"true\"; allowed: only with REDIS_CA_FILE".to_owned());
    }
    match (is_on, private) {
        (true, None) => Tls::WellKnown,
        (true, Some(authorities)) => Tls::Private { authorities, any_name },
        (false, None) => Tls::Off,
        (false, Some(_)) => {
            reader.problem("REDIS_CA_FILE is set; allowed: only with REDIS_TLS=true".to_owned());
            Tls::Off
        }
    }
}

/// The lines of `--help` on [`Settings`].
pub fn help(default_db: u16) -> String {
    format!(
        "  \
  REDIS_HOST          host name or address [localhost]
  REDIS_PORT          port [6379]
  REDIS_DB            database number [{default_db}]
  REDIS_USER          ACL user; empty is the default user [empty]
  REDIS_PASS          password; empty is none [empty]
  REDIS_PASS_FILE     a file with the password, instead of REDIS_PASS
  REDIS_TLS           true or false: whether to connect over TLS [false]
  REDIS_CA_FILE       a PEM file with the certificates to trust [unset: the well-known ones]
  REDIS_TLS_ANY_NAME  true: what REDIS_CA_FILE vouches for may have another name than REDIS_HOST [false]
"
    )
}
