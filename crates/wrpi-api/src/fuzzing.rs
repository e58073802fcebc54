//! Entry points for the fuzz targets in `fuzz/`: parsers of requests that are otherwise private.

use std::net::IpAddr;

use http::HeaderMap;

use crate::{ClientIpSource, Password, auth};

/// Whether a request with `headers` has the password.
pub fn has_password(headers: &HeaderMap, password: &Password) -> bool {
    auth::password_of(headers).is_some_and(|candidate| password.equals(&candidate).into())
}

/// The address of the client that sent a request with `headers` on a connection from `peer`.
pub fn client(source: &ClientIpSource, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
    source.client(headers, peer)
}
