//! What the fuzz targets in `fuzz/` call: the parsers of requests, which no other crate sees.

use std::net::{IpAddr, Ipv4Addr};

use http::HeaderMap;

use crate::auth::Authenticator;
use crate::{ClientIpSource, Password, Passwords};

/// Whether a request with `headers` has the password.
pub fn admits(password: &Password, headers: &HeaderMap) -> bool {
    let passwords = Passwords { current: password.clone(), previous: None };
    let authenticator = Authenticator { passwords, guesses: None, client_ip: ClientIpSource::Connection };
    authenticator.admit(headers, IpAddr::V4(Ipv4Addr::LOCALHOST)).is_ok()
}

/// Whether `headers` say that the client has what `etag` names, last modified at `last_modified` (seconds since 1970).
pub fn is_not_modified(headers: &HeaderMap, etag: &str, last_modified: i64) -> bool {
    crate::conditional::is_not_modified(headers, etag, last_modified)
}
