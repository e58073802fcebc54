//! What the world reaches: a plain listener, and one over TLS where there is a certificate.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use axum::routing::future::RouteFuture;
use http::Request;
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower_service::Service as _;
use tracing::warn;

use super::connections::{Connections, Handler};
use super::descriptors;
use super::tracking::Activity;
use crate::api::Api;
use crate::service::{self, Endpoint, Mode};
use crate::settings::HttpSettings;

/// After the signal to stop, how long a client may keep an idle connection: a request that is under way on it is
/// still answered, and that answer closes the connection.
const IDLE_GRACE: Duration = Duration::from_secs(1);
/// How long answers that are being sent then may take.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// One listener, and what it does with requests.
struct Port {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    endpoint: Arc<Endpoint>,
}

/// The public listeners. Their connections are limited together.
pub(super) struct Public {
    ports: Vec<Port>,
    connections: Connections,
}

impl Public {
    pub(super) fn new(
        plain: TcpListener,
        tls: Option<TcpListener>,
        api: &Arc<Api>,
        settings: &HttpSettings,
    ) -> anyhow::Result<Self> {
        let endpoint = |mode| Arc::new(Endpoint::new(api.clone(), mode));
        let plain_mode =
            if settings.tls.as_ref().is_some_and(|tls| tls.redirect) { Mode::Redirect } else { Mode::Plain };
        let mut ports = vec![Port { listener: plain, tls: None, endpoint: endpoint(plain_mode) }];
        if let (Some(listener), Some(tls)) = (tls, &settings.tls) {
            let tls = Some(tls.certificates.acceptor()?);
            ports.push(Port { listener, tls, endpoint: endpoint(Mode::Tls) });
        }
        let most = descriptors::within_limit(settings.max_connections);
        let limits = api.metrics.limits("public", most, settings.idle_timeout);
        Ok(Self { ports, connections: Connections::new(limits) })
    }

    /// Serves, for ever.
    pub(super) async fn accept(&self) {
        let accept = async |port: Option<&Port>| match port {
            Some(port) => self.connections.accept(&port.listener, port.tls.as_ref(), &port.endpoint).await,
            None => pending().await,
        };
        tokio::join!(accept(self.ports.first()), accept(self.ports.get(1)), self.connections.supervise());
    }

    /// Accepts no more, and returns when every request is answered, or in about ten seconds.
    pub(super) async fn drain(self) {
        for port in self.ports {
            self.connections.accept_waiting(port.listener, port.tls.as_ref(), &port.endpoint);
        }
        if timeout(IDLE_GRACE, self.connections.ended()).await.is_err() {
            self.connections.close_idle();
        }
        if timeout(DRAIN_TIMEOUT, self.connections.ended()).await.is_err() {
            warn!(drain_seconds = DRAIN_TIMEOUT.as_secs(), "connections cut that did not end in time");
        }
    }
}

impl Handler for Arc<Endpoint> {
    type Body = service::Body;
    type Future = service::Answer;

    fn handle(&self, request: Request<Incoming>, activity: &Arc<Activity>) -> Self::Future {
        Endpoint::answer(self, request, activity)
    }
}

impl Handler for axum::Router {
    type Body = axum::body::Body;
    type Future = RouteFuture<Infallible>;

    fn handle(&self, request: Request<Incoming>, _: &Arc<Activity>) -> Self::Future {
        self.clone().call(request)
    }
}
