//! Errors of the store, and what they reveal about the server.

use std::fmt;

use redis::{ErrorKind, RedisError, ServerErrorKind};
use secrecy::{ExposeSecret, SecretString};

use super::resolve::Unresolved;
use super::{Settings, handshake};

/// Why the store could not be used. The message contains the server's words and, where it helps, advice. It never
/// contains the password.
#[derive(thiserror::Error)]
#[error("Redis at {address}: {words}{}", self.advice())]
pub struct StoreError {
    address: String,
    words: String,
    /// Not a `source`, and not printed: the server may have repeated the password.
    cause: RedisError,
    about: Cause,
    /// Whether the server has closed a connection over TLS on which it got no certificate.
    may_need_certificate: bool,
}

/// What distinguishes the causes of a loss that are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The name of the server could not be resolved.
    Name,
    /// A certificate, or something else about TLS.
    Tls,
    Other(ErrorKind),
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What an error says about the server.
#[derive(Clone, Debug)]
pub(super) struct Server {
    address: String,
    password: Option<SecretString>,
    is_anonymous: bool,
}

impl Server {
    pub(super) fn new(settings: &Settings) -> Self {
        let (address, password) = (settings.address(), settings.password.clone());
        Self { address, password, is_anonymous: settings.tls.is_anonymous() }
    }

    pub(super) fn error(&self, cause: RedisError) -> StoreError {
        let may_need_certificate = self.is_anonymous && cause.is_connection_dropped() && !cause.is_connection_refusal();
        let tls = handshake::explain(&cause);
        let about = if tls.is_some() {
            Cause::Tls
        } else if handshake::inner(&cause).is_some_and(|inner| inner.is::<Unresolved>()) {
            Cause::Name
        } else {
            Cause::Other(cause.kind())
        };
        let words = words(&tls.unwrap_or_else(|| spoken(&cause)), self.password.as_ref());
        StoreError { address: self.address.clone(), words, cause, about, may_need_certificate }
    }
}

/// What the server has said, in its own words, or why it cannot be understood.
fn spoken(cause: &RedisError) -> String {
    match (cause.code(), cause.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        _ => cause.to_string(),
    }
}

/// `message` without the `password`. Redis repeats the arguments of an unknown command, which may be AUTH or
/// HELLO, and may cut them short.
fn words(message: &str, password: Option<&SecretString>) -> String {
    let words = message.split(", with args beginning with").next().unwrap_or_default();
    password.map_or_else(|| words.to_owned(), |password| words.replace(password.expose_secret(), "***"))
}

impl StoreError {
    pub(crate) fn cause(&self) -> Cause {
        self.about
    }

    pub(super) fn kind(&self) -> ErrorKind {
        self.cause.kind()
    }

    /// Whether the server answered with an error: it is reachable and speaks the protocol.
    pub(crate) fn is_answer(&self) -> bool {
        use ErrorKind::{AuthenticationFailed, Extension, RESP3NotSupported, Server};
        matches!(self.kind(), Server(_) | Extension | AuthenticationFailed | RESP3NotSupported)
    }

    /// Whether the server accepted the connection and closed it instead of answering.
    pub(crate) fn has_hung_up(&self) -> bool {
        self.cause.is_connection_dropped() && !self.cause.is_connection_refusal()
    }

    /// Whether the server refuses a command permanently, or refuses both keys in one command. A temporary state, such
    /// as full memory, does not count, and neither does a key that the user must not access.
    pub(super) fn is_refused_command(&self) -> bool {
        let names_it = || {
            let words = self.cause.to_string().to_lowercase();
            words.contains("command") || words.contains("slot")
        };
        match self.kind() {
            ErrorKind::Server(ServerErrorKind::CrossSlot) => true,
            ErrorKind::Server(ServerErrorKind::NoPerm | ServerErrorKind::ResponseError) => names_it(),
            _ => false,
        }
    }

    /// Whether the key does not hold a string.
    pub(super) fn is_wrong_type(&self) -> bool {
        self.cause.code() == Some("WRONGTYPE")
    }

    /// Whether another node of the cluster has the key, or no node has it.
    pub(super) fn is_cluster_error(&self) -> bool {
        self.cause.is_cluster_error()
    }

    fn advice(&self) -> &'static str {
        if self.is_cluster_error() {
            return "; this Redis is in cluster mode: use a cluster of one shard that serves all slots, or turn \
                    cluster mode off";
        }
        if self.may_need_certificate {
            return "; if it requires a client certificate, set REDIS_CERT_FILE and REDIS_KEY_FILE";
        }
        if self.cause.to_string().contains("SELECT is not allowed in cluster mode") {
            return "; set REDIS_DB to 0";
        }
        ""
    }
}
