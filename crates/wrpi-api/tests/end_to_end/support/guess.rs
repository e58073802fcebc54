//! Guesses of the password.

use wrpi_test::{Api, Response, basic, random_password, send};

/// So long that no guess is refilled while a test runs.
pub(crate) const NO_REFILL: (&str, &str) = ("AUTH_GUESS_REFILL", "60m");

/// GET of the reading with a new wrong password: the status.
pub(crate) fn guess(api: &Api, headers: &[(&str, &str)]) -> u16 {
    get_with(api, &random_password(), headers).status
}

/// GET of the reading with `password`.
pub(crate) fn get_with(api: &Api, password: &str, headers: &[(&str, &str)]) -> Response {
    let credentials = basic(&format!("any:{password}"));
    send(&api.address, "GET", "/v0/wrpi", &[&[("Authorization", &*credentials)], headers].concat())
}
