//! The addresses of Redis's name, from the system's resolver, so that `/etc/hosts` and search domains work.
//!
//! A look-up can take much longer than a connection: if the first name server is silent, glibc asks the second one after
//! five seconds. A look-up therefore has no timeout here. It runs until the resolver ends it, and the attempts to connect
//! meanwhile share it. They use the addresses of the last answer.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use dns_lookup::{AddrInfoHints, LookupError, LookupErrorKind, SockType, getaddrinfo};
use redis::RedisFuture;
use redis::io::AsyncDNSResolver;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tracing::warn;

/// How old a look-up may become before an attempt to connect uses the addresses of the last answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Resolves the name of one server, and remembers its addresses. Share it between all connections to that server.
#[derive(Debug, Default)]
pub struct Resolver {
    state: watch::Sender<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When the look-up that runs was started.
    started_at: Option<Instant>,
    /// Why the last look-up failed; `None` if it succeeded.
    failure: Option<String>,
    /// The addresses of the last answer. If the answer is that the name does not exist, there are none.
    known: Vec<IpAddr>,
    /// Whether the log says that the resolver does not answer, or not in time.
    is_logged: bool,
}

/// The name of the server cannot be resolved.
#[derive(Debug, thiserror::Error)]
#[error("cannot resolve the name {name}: {cause}")]
pub(super) struct Unresolved {
    name: String,
    cause: String,
}

impl Resolver {
    /// Whether a look-up has not ended yet.
    pub fn is_looking_up(&self) -> bool {
        self.state.borrow().started_at.is_some()
    }

    /// The addresses of `host` with `port`. If the resolver fails, or does not answer within [`PATIENCE`], those of its
    /// last answer. Without any, waits for the resolver.
    ///
    /// # Errors
    ///
    /// [`Unresolved`], if the name does not exist, or if the look-up failed and there is no earlier answer.
    pub(super) async fn addresses(&self, host: &str, port: u16) -> io::Result<Addresses> {
        let with_port = |ips: &[IpAddr]| Addresses(ips.iter().map(|ip| SocketAddr::new(*ip, port)).collect());
        if let Ok(ip) = host.parse() {
            return Ok(with_port(&[ip]));
        }
        let mut answered = self.look_up(host);
        let late_at = answered.borrow().started_at.unwrap_or_else(Instant::now) + PATIENCE;
        let is_late = timeout_at(late_at, answered.wait_for(|state| state.started_at.is_none())).await.is_err();
        let has_known = !self.state.borrow().known.is_empty();
        if is_late {
            self.log_once(host, "no answer yet");
            if !has_known {
                let _the_sender_lives = answered.wait_for(|state| state.started_at.is_none()).await.is_ok();
            }
        }
        let (known, failure) = {
            let state = self.state.borrow();
            (with_port(&state.known), state.failure.clone())
        };
        match failure {
            Some(cause) if known.0.is_empty() => Err(io::Error::other(Unresolved { name: host.to_owned(), cause })),
            Some(cause) => {
                self.log_once(host, &cause);
                Ok(known)
            }
            None => {
                if !is_late {
                    self.state.send_if_modified(|state| std::mem::take(&mut state.is_logged));
                }
                Ok(known)
            }
        }
    }

    /// Logs, once until an answer comes in time, that the resolver did not give one.
    fn log_once(&self, name: &str, cause: &str) {
        if self.state.send_if_modified(|state| !std::mem::replace(&mut state.is_logged, true)) {
            let known = &self.state.borrow().known;
            warn!(name, cause, ?known, "the name of Redis does not resolve in time; using its known addresses, if any");
        }
    }

    /// Starts a look-up, unless one runs already: each occupies a thread until it ends.
    fn look_up(&self, host: &str) -> watch::Receiver<State> {
        let is_new = self.state.send_if_modified(|state| {
            let is_new = state.started_at.is_none();
            state.started_at.get_or_insert_with(Instant::now);
            is_new
        });
        if is_new {
            let (host, state) = (host.to_owned(), self.state.clone());
            tokio::task::spawn_blocking(move || {
                let found = resolve(&host);
                state.send_modify(|state| state.record(found));
            });
        }
        self.state.subscribe()
    }
}

impl State {
    fn record(&mut self, found: Result<Vec<IpAddr>, LookupError>) {
        self.started_at = None;
        self.failure = None;
        match found {
            Ok(found) if found.is_empty() => self.failure = Some("it has no IP address".to_owned()),
            Ok(found) => self.known = found,
            Err(error) => {
                if matches!(error.kind(), LookupErrorKind::NoName | LookupErrorKind::NoData) {
                    self.known.clear();
                }
                self.failure = Some(error.to_string());
            }
        }
    }
}

/// Asks the system's resolver. Blocks.
fn resolve(host: &str) -> Result<Vec<IpAddr>, LookupError> {
    let hints = AddrInfoHints { socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
    let found = getaddrinfo(Some(host), None, Some(hints))?;
    // An address of another family than IPv4 and IPv6 is an error here, and is of no use.
    Ok(found.filter_map(Result::ok).map(|found| found.sockaddr.ip()).collect())
}

/// Resolved addresses. `redis` tries them all at once.
pub(super) struct Addresses(Vec<SocketAddr>);

impl AsyncDNSResolver for Addresses {
    fn resolve<'a, 'b: 'a>(
        &'a self,
        _host: &'b str,
        _port: u16,
    ) -> RedisFuture<'a, Box<dyn Iterator<Item = SocketAddr> + Send + 'a>> {
        Box::pin(std::future::ready(Ok(Box::new(self.0.iter().copied()) as _)))
    }
}
