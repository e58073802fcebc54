//! Basic authentication (RFC 7617): any user name, one password.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use crate::api::Api;
use crate::client::ClientIpSource;
use crate::error::ApiError;
use crate::guesses::{Guesses, Throttled};
use crate::serve::Activity;

/// The standard alphabet; padding may be left out, as some clients do.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The password that every user of the API shares. It cannot be printed.
#[derive(Clone, Debug)]
pub struct Password(SecretString);

impl Password {
    /// `None` where the password is empty: nobody could be kept out by it.
    pub fn new(password: SecretString) -> Option<Self> {
        (!password.expose_secret().is_empty()).then_some(Self(password))
    }

    /// Compares in a time that depends on the length of the password alone, whatever is given.
    fn equals(&self, given: &[u8]) -> bool {
        let own = self.0.expose_secret().as_bytes();
        let same_length = given.len().ct_eq(&own.len());
        let compared = if same_length.into() { given } else { own };
        (compared.ct_eq(own) & same_length).into()
    }
}

/// The password of now, and during a change the one of before, which is accepted too.
#[derive(Clone, Debug)]
pub struct Passwords {
    /// The password.
    pub current: Password,
    /// The password before the last change, if clients may still send it.
    pub previous: Option<Password>,
}

impl Passwords {
    /// Compares with both, always, so that the time does not tell which one was given.
    fn accept(&self, given: &[u8]) -> bool {
        let is_previous = self.previous.as_ref().is_some_and(|previous| previous.equals(given));
        self.current.equals(given) | is_previous
    }
}

/// What stands behind the first colon of Basic credentials; `None` where they are no such.
fn given_password(credentials: &[u8]) -> Option<Vec<u8>> {
    let (scheme, rest) = credentials.split_at(credentials.iter().position(|b| *b == b' ')?);
    if !scheme.eq_ignore_ascii_case(b"Basic") {
        return None;
    }
    let mut user_and_password = BASE64.decode(rest.trim_ascii()).ok()?;
    let colon = user_and_password.iter().position(|b| *b == b':')?;
    user_and_password.drain(..=colon);
    Some(user_and_password)
}

/// The password of a request: it must have exactly one `Authorization` header.
fn password_of(headers: &HeaderMap) -> Option<Vec<u8>> {
    let mut credentials = headers.get_all(AUTHORIZATION).iter();
    match (credentials.next(), credentials.next()) {
        (Some(only), None) => given_password(only.as_bytes()),
        _ => None,
    }
}

/// What a request must pass to be answered with a reading.
pub(crate) struct Authenticator {
    pub(crate) passwords: Passwords,
    pub(crate) guesses: Option<Guesses>,
    pub(crate) client_ip: ClientIpSource,
}

/// Proof that the request had the password: only this module can make one.
#[derive(Debug)]
pub(crate) struct Authenticated(());

impl Authenticator {
    /// Lets a request from `peer` in, if it has the password and its client has not guessed too often.
    pub(crate) fn admit(&self, headers: &HeaderMap, peer: IpAddr) -> Result<Authenticated, ApiError> {
        let guesses = self.guesses.as_ref().map(|guesses| (guesses, self.client_ip.client(headers, peer)));
        if let Some((guesses, client)) = guesses {
            guesses.check(client)?;
        }
        let given = password_of(headers).ok_or(ApiError::Unauthenticated)?;
        if self.passwords.accept(&given) {
            return Ok(Authenticated(()));
        }
        if let Some((guesses, client)) = guesses {
            guesses.wrong(client, &given)?;
        }
        Err(ApiError::Unauthenticated)
    }
}

impl From<Throttled> for ApiError {
    fn from(Throttled(wait): Throttled) -> Self {
        Self::Throttled(wait)
    }
}

/// The connection that a request came on.
#[derive(Clone, Debug)]
pub(crate) struct Origin(pub(crate) Arc<Activity>);

impl FromRequestParts<Arc<Api>> for Authenticated {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, ApiError> {
        let Some(Origin(activity)) = parts.extensions.get() else { unreachable!("the service tells who asks") };
        api.admit(&parts.headers, activity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn admits(password: &str, credentials: &[&[u8]]) -> bool {
        let mut headers = HeaderMap::new();
        for value in credentials {
            headers.append(AUTHORIZATION, http::HeaderValue::from_bytes(value).unwrap());
        }
        password_of(&headers).is_some_and(|given| Password::new(password.into()).unwrap().equals(&given))
    }

    fn basic(scheme: &str, user_and_password: &[u8]) -> Vec<u8> {
        format!("{scheme}{}", BASE64.encode(user_and_password)).into_bytes()
    }

    #[test]
    fn scheme_case_and_spaces_do_not_matter() {
        for scheme in ["Basic ", "basic ", "BASIC ", "bAsIc    "] {
            assert!(admits("p", &[&basic(scheme, b"any:p")]), "{scheme}");
        }
        assert!(admits("p", &[b"Basic OnA="]), "an empty user name");
        assert!(admits("p", &[b"Basic OnA"]), "no padding");
        assert!(admits("p", &[b"Basic OnA=  "]), "spaces behind");
    }

    #[test]
    fn what_is_malformed_or_ambiguous_is_not_admitted() {
        let good = basic("Basic ", b"any:p");
        for bad in
            [&b""[..], b"Basic", b"Basic ", b"OnA=", b"Bearer OnA=", b"Basic On A=", b"Basic ***", b"Basic\tOnA="]
        {
            assert!(!admits("p", &[bad]), "{}", bad.escape_ascii());
        }
        assert!(!admits("p", &[&basic("Basic ", b"p")]), "no colon");
        assert!(!admits("p", &[&good, &good]), "two headers");
        assert!(!admits("p", &[]), "no header");
        assert!(Password::new(SecretString::default()).is_none());
    }

    proptest! {
        #[test]
        fn only_the_password_itself_is_admitted(user in "[^:]{0,9}", password in ".{1,40}", other in ".{0,40}") {
            let with = |given: &str| admits(&password, &[&basic("Basic ", format!("{user}:{given}").as_bytes())]);
            prop_assert!(with(&password));
            prop_assert_eq!(with(&other), other == password);
            prop_assert!(!with(&password.repeat(2)));
            prop_assert!(!with(&password[..password.char_indices().last().unwrap().0]));
        }

        #[test]
        fn no_header_makes_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = given_password(&bytes);
            let _ = given_password(&[b"Basic ", &bytes[..]].concat());
        }
    }
}
