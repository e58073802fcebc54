//! What the fuzz target of credentials calls: the parser, which no other crate sees.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use http::HeaderMap;
use prometheus::Registry;
use tokio::sync::watch;

use crate::auth::Authenticator;
use crate::connect_info::ConnectInfo;
use crate::metrics::Metrics;
use crate::{ClientIpSource, Password, Passwords};

/// An authenticator without a throttle, for any number of requests.
pub struct Credentials(Authenticator);

impl Credentials {
    /// Accepts `password`.
    pub fn new(password: Password) -> Self {
        let (_, readings) = watch::channel(None);
        let Ok(metrics) = Metrics::register(Registry::new(), readings) else { unreachable!("the registry is empty") };
        let passwords = Passwords { current: password, previous: None };
        Self(Authenticator::new(passwords, None, ClientIpSource::Connection, Arc::new(metrics)))
    }

    /// Whether a request with `headers` has the password.
    pub fn accept(&self, headers: &HeaderMap) -> bool {
        self.0.authenticate(headers, &ConnectInfo::new(IpAddr::V4(Ipv4Addr::LOCALHOST))).is_ok()
    }
}
