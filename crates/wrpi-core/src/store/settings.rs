//! The address of the Redis store, and how to log in.

use redis::ConnectionAddr;
use secrecy::SecretString;

use super::Tls;
use crate::settings::{Reader, ValueParser};

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

impl Settings {
    /// Reads the settings. `default_db` is the default of `REDIS_DB`.
    pub fn read(reader: &mut Reader<'_>, default_db: u16) -> Self {
        let db = "Database number. The defaults of updater and API differ: set the same number for both.";
        let known = reader.problems();
        let settings = Self {
            host: reader.value("REDIS_HOST", "localhost", ValueParser::host(), "Host name or IP address of Redis."),
            port: reader.value("REDIS_PORT", "6379", ValueParser::number(1..=u16::MAX), "TCP port of Redis."),
            db: reader.value("REDIS_DB", &default_db.to_string(), ValueParser::number(0..=u16::MAX), db),
            user: reader.value("REDIS_USER", "", user(), "ACL user. Empty: the default user."),
            password: reader.secret("REDIS_PASS", "empty", "Password of the ACL user. Empty: none."),
            tls: Tls::read(reader),
        };
        let is_named = settings.user.as_ref().is_some_and(|user| user != "default");
        if is_named && settings.password.is_none() && reader.problems() == known {
            reader.reject("REDIS_USER", "is set without REDIS_PASS, so it would have no effect", "both, or neither");
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
fn user() -> ValueParser<Option<String>> {
    ValueParser::new("a user name without white space, or empty", |text| {
        let is_name = !text.contains(|c: char| c.is_whitespace() || c.is_control());
        is_name.then(|| Some(text.to_owned()).filter(|text| !text.is_empty()))
    })
}
