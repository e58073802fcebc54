//! Basic authentication (RFC 7617) with any user name and one shared password.

mod client_ip;
mod throttle;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use icu_normalizer::ComposingNormalizerBorrowed;
use secrecy::{ExposeSecret, SecretString};
use subtle::{Choice, ConstantTimeEq};

use crate::connection::ConnectionState;
use crate::error::ApiError;
use crate::metrics::Metrics;
pub use client_ip::ClientIpSource;
pub use throttle::ThrottleLimit;
use throttle::{Throttle, Throttled};

/// The standard alphabet. Padding is optional, since some clients omit it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// `url` has its tables already.
const NFC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfc();

/// A password of the API, in NFC. It cannot be printed.
#[derive(Clone, Debug)]
pub struct Password(SecretString);

impl Password {
    /// `None` if the password is empty, since that protects nothing.
    pub fn new(password: SecretString) -> Option<Self> {
        let password = password.expose_secret();
        (!password.is_empty()).then(|| Self(NFC.normalize(password).into_owned().into()))
    }

    /// Compares in a time that depends only on the length of the password, not on `candidate`.
    fn equals(&self, candidate: &[u8]) -> Choice {
        let own = self.0.expose_secret().as_bytes();
        let same_length = candidate.len().ct_eq(&own.len());
        let compared = if same_length.into() { candidate } else { own };
        compared.ct_eq(own) & same_length
    }
}

/// The passwords that are accepted.
#[derive(Clone, Debug)]
pub struct Passwords {
    /// The password.
    pub current: Password,
    /// The previous password, accepted until all clients use the current one.
    pub previous: Option<Password>,
}

/// The password that a request had.
enum Accepted {
    Current,
    Previous,
}

impl Passwords {
    /// Always compares with both passwords, so the time does not depend on which one matches.
    fn find(&self, candidate: &[u8]) -> Option<Accepted> {
        let is_current = self.current.equals(candidate);
        let is_previous = self.previous.as_ref().map_or(Choice::from(0), |previous| previous.equals(candidate));
        if is_current.into() { Some(Accepted::Current) } else { bool::from(is_previous).then_some(Accepted::Previous) }
    }
}

/// The password in Basic credentials: everything after the first colon, in NFC. `None` if they are malformed.
///
/// RFC 7617, section 2.1, requires NFC of clients, but many send what the keyboard or the operating system produced.
fn basic_password(credentials: &[u8]) -> Option<Vec<u8>> {
    let (scheme, rest) = credentials.split_at(credentials.iter().position(|b| *b == b' ')?);
    if !scheme.eq_ignore_ascii_case(b"Basic") {
        return None;
    }
    let mut user_and_password = BASE64.decode(rest.trim_ascii()).ok()?;
    let colon = user_and_password.iter().position(|b| *b == b':')?;
    user_and_password.drain(..=colon);
    if !user_and_password.is_ascii()
        && let Ok(text) = str::from_utf8(&user_and_password)
    {
        return Some(NFC.normalize(text).into_owned().into());
    }
    Some(user_and_password)
}

/// The password of a request, which must have exactly one `Authorization` header.
fn password_of(headers: &HeaderMap) -> Option<Vec<u8>> {
    let mut credentials = headers.get_all(AUTHORIZATION).iter();
    match (credentials.next(), credentials.next()) {
        (Some(only), None) => basic_password(only.as_bytes()),
        _ => None,
    }
}

/// Decides which requests may read.
pub(crate) struct Authenticator {
    passwords: Passwords,
    throttle: Option<Throttle>,
    client_ip: ClientIpSource,
    metrics: Arc<Metrics>,
}

/// Proof that the request had a valid password. Only this module can create one.
#[derive(Debug)]
pub(crate) struct Authenticated(());

impl Authenticator {
    pub(crate) fn new(
        passwords: Passwords,
        limit: Option<ThrottleLimit>,
        client_ip: ClientIpSource,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { passwords, throttle: limit.map(Throttle::new), client_ip, metrics }
    }

    /// Authenticates a request, received at `now`, by its headers. Counts the outcome, and marks the connection as
    /// authenticated on success.
    ///
    /// # Errors
    ///
    /// [`ApiError::Unauthenticated`], or [`ApiError::Throttled`] if the client has tried too many passwords.
    pub(crate) fn authenticate(
        &self,
        headers: &HeaderMap,
        connection: &ConnectionState,
        now: Instant,
    ) -> Result<Authenticated, ApiError> {
        match self.check(headers, connection.peer, now) {
            Ok(accepted) => {
                if matches!(accepted, Accepted::Previous) {
                    self.metrics.auth_previous_password.inc();
                }
                connection.set_authenticated();
                Ok(Authenticated(()))
            }
            Err(error) => {
                match error {
                    ApiError::Throttled(_) => self.metrics.auth_throttled.inc(),
                    _ => self.metrics.auth_failures.inc(),
                }
                Err(error)
            }
        }
    }

    fn check(&self, headers: &HeaderMap, peer: IpAddr, now: Instant) -> Result<Accepted, ApiError> {
        let throttle = self.throttle.as_ref().map(|throttle| (throttle, self.client_ip.client(headers, peer)));
        if let Some((throttle, client)) = throttle {
            throttle.check(client, now)?;
        }
        let candidate = password_of(headers).ok_or(ApiError::Unauthenticated)?;
        if let Some(accepted) = self.passwords.find(&candidate) {
            return Ok(accepted);
        }
        if let Some((throttle, client)) = throttle {
            throttle.record_wrong(client, &candidate, now)?;
        }
        Err(ApiError::Unauthenticated)
    }
}

impl From<Throttled> for ApiError {
    fn from(Throttled(wait): Throttled) -> Self {
        Self::Throttled(wait)
    }
}

#[cfg(test)]
mod tests;
