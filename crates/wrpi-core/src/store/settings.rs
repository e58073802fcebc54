//! The address of the Redis store, and how to log in.

use redis::ConnectionAddr;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use secrecy::SecretString;

use crate::settings::{Form, Reader};

/// The address of the store, and how to log in.
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
    /// Password; `None` sends none.
    pub password: Option<SecretString>,
    /// Encryption of the connection.
    pub tls: Tls,
}

/// Encryption of the connection, and which certificates are trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// No encryption.
    Off,
    /// Trust the public certificate authorities.
    WellKnown,
    /// Trust only the given certificate authorities.
    Private {
        /// Their certificates, as PEM.
        authorities: Vec<u8>,
        /// Whether to accept a certificate for another name than the server's.
        any_name: bool,
    },
}

impl Settings {
    /// Reads the settings. `default_db` is the default of `REDIS_DB`.
    pub fn read(reader: &mut Reader<'_>, default_db: u16) -> Self {
        let db = "Database number. The defaults of updater and API differ: set the same number for both.";
        let known = reader.problems();
        let settings = Self {
            host: reader.value("REDIS_HOST", "localhost", Form::host(), "Host name or IP address of Redis."),
            port: reader.value("REDIS_PORT", "6379", Form::number(1..=u16::MAX), "TCP port of Redis."),
            db: reader.value("REDIS_DB", &default_db.to_string(), Form::number(0..=u16::MAX), db),
            user: reader.value("REDIS_USER", "", user(), "ACL user. Empty: the default user."),
            password: reader.secret("REDIS_PASS", "empty", "Password of the ACL user. Empty: none."),
            tls: read_tls(reader),
        };
        let is_named = settings.user.as_ref().is_some_and(|user| user != "default");
        if is_named && settings.password.is_none() && reader.problems() == known {
            reader.refuse("REDIS_USER", "is set without REDIS_PASS, so it would have no effect", "both, or neither");
        }
        settings
    }

    pub(super) fn server(&self) -> ConnectionAddr {
        let (host, port) = (self.host.clone(), self.port);
        match self.tls {
            Tls::Off => ConnectionAddr::Tcp(host, port),
            _ => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
        }
    }

    /// Host, port and database number, for messages.
    pub fn address(&self) -> String {
        let Self { host, port, db, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}/{db}") } else { format!("{host}:{port}/{db}") }
    }
}

/// Redis does not allow white space in user names.
fn user() -> Form<Option<String>> {
    Form::new("a user name without white space, or empty", |text| {
        let is_name = !text.contains(|c: char| c.is_whitespace() || c.is_control());
        is_name.then(|| Some(text.to_owned()).filter(|text| !text.is_empty()))
    })
}

fn authorities() -> Form<Vec<u8>> {
    Form::new("a readable PEM file of valid CA certificates", |path| {
        let pem = std::fs::read(path).ok()?;
        let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>().ok()?;
        let mut trusted = RootCertStore::empty();
        certificates.into_iter().try_for_each(|certificate| trusted.add(certificate)).ok()?;
        (!trusted.is_empty()).then_some(pem)
    })
}

fn read_tls(reader: &mut Reader<'_>) -> Tls {
    let is_on = reader.value("REDIS_TLS", "false", Form::switch(), "Connect over TLS.");
    let well_known = "public certificate authorities";
    let meaning = "PEM file of the certificate authorities to trust for Redis.";
    let known = reader.problems();
    let private = reader.optional("REDIS_CA_FILE", well_known, &authorities(), meaning);
    let is_good = reader.problems() == known;
    let meaning = "Do not check that the certificate matches `REDIS_HOST` (needed for Google's Memorystore).";
    let any_name = reader.value("REDIS_TLS_ANY_NAME", "false", Form::switch(), meaning);
    if any_name && private.is_none() && is_good {
        // Anyone can get a certificate for some name from a public authority.
        reader.refuse("REDIS_TLS_ANY_NAME", "is \"true\"", "only with REDIS_CA_FILE");
    }
    match (is_on, private) {
        (true, None) => Tls::WellKnown,
        (true, Some(authorities)) => Tls::Private { authorities, any_name },
        (false, None) => Tls::Off,
        (false, Some(_)) => {
            reader.refuse("REDIS_CA_FILE", "is set", "only with REDIS_TLS=true");
            Tls::Off
        }
    }
}
