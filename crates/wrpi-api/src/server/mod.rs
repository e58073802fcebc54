//! The listeners: binds, serves, and stops without losing a request.

mod accept;
mod broadcast;
mod connection;
mod descriptors;
mod hang_ups;
mod http1;
mod http2;
mod io;
mod listen;
mod places;
mod stream;
mod tls;

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tower_service::Service as _;
use tracing::info;
use wrpi_core::Tasks;

use crate::connect_info::ConnectInfo;
use crate::middleware::https::Https;
use crate::routes::{Routes, admin};
use crate::settings::HttpSettings;
use crate::state::AppState;
use accept::Connections;
use broadcast::Broadcast;
pub use listen::listen;
use places::Places;

/// The bound sockets.
#[derive(Debug)]
pub struct Listeners {
    /// The public listener for plain HTTP.
    pub public: TcpListener,
    /// The public listener over TLS.
    pub tls: Option<TcpListener>,
    /// The listener for probes and metrics. It must not be public.
    pub admin: TcpListener,
}

impl Listeners {
    /// Binds the addresses of `settings`.
    ///
    /// # Errors
    ///
    /// If an address is in use, or is not an address of this host. The error names its variable.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn bind(settings: &HttpSettings) -> anyhow::Result<Self> {
        let bind =
            |variable, address| listen(address).with_context(|| format!("cannot listen on {variable} {address}"));
        let public = bind("LISTEN_ADDR", settings.listen)?;
        let tls = settings.tls.as_ref().map(|tls| bind("TLS_LISTEN_ADDR", tls.listen)).transpose()?;
        let admin = bind("ADMIN_ADDR", settings.admin)?;
        let address = |listener: &TcpListener| listener.local_addr().map(|address| address.to_string());
        info!(
            public = address(&public)?,
            tls = tls.as_ref().map(address).transpose()?,
            admin = address(&admin)?,
            "listening"
        );
        settings.warn_of_public_admin();
        Ok(Self { public, tls, admin })
    }
}

/// Serves until `shutdown` completes. Then the API is no longer ready, accepts no new connections, completes the requests
/// in progress within about ten seconds, and returns.
///
/// # Errors
///
/// If one of `tasks` or of the server's own tasks ends, because a part of the process no longer works. Also if the
/// registry of `state` already has metrics with the same names.
pub async fn serve(
    listeners: Listeners,
    mut state: AppState,
    settings: HttpSettings,
    mut tasks: Tasks,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    // A quiet stream must not count as idle.
    state.heartbeat = state.heartbeat.min(settings.idle_timeout / 3);
    let state = Arc::new(state);
    tasks.spawn("renderer", state.clone().follow_readings());
    let broadcast = Broadcast::new(Handle::current().metrics().num_workers());
    for shard in broadcast.shards() {
        tasks.spawn("streams", shard.run(state.latest.subscribe(), state.heartbeat));
    }

    let connections = |listener, max| {
        let places = Places::new(max, state.metrics.connections(listener, max))?;
        anyhow::Ok(Connections::new(places, settings.idle_timeout, broadcast.clone()))
    };
    let limits = descriptors::limits(settings.max_connections);
    let public = connections("public", limits.public)?;
    let admin = connections("admin", limits.admin)?;
    let routes = |https| {
        let routes = Arc::new(Routes::new(state.clone(), https));
        move |request, connection: &_| routes.call(request, connection)
    };
    let mut plain = Https::Off;
    if let (Some(listener), Some(tls)) = (listeners.tls, &settings.tls) {
        if tls.redirect {
            // With port 0, the kernel has chosen a port.
            let port = if tls.https_port == 0 { listener.local_addr()?.port() } else { tls.https_port };
            plain = Https::Redirect(port);
        }
        let acceptor = tls::acceptor(&tls.certificates)?;
        tasks.spawn(
            "TLS listener",
            public.clone().accept(listener, Some(acceptor), routes(Https::on(tls.hsts_max_age))),
        );
        let metrics = tls::Metrics::register(&state.metrics.registry)?;
        tasks.spawn("certificate reload", tls::follow(tls.certificates.clone(), metrics));
    }
    tasks.spawn("public listener", public.clone().accept(listeners.public, None, routes(plain)));
    let router = admin::router(state.clone());
    tasks.spawn(
        "admin listener",
        admin.accept(listeners.admin, None, move |request, connection: &Arc<ConnectInfo>| {
            connection.touch(Instant::now());
            router.clone().call(request)
        }),
    );

    tokio::select! {
        ended = tasks.ended() => return Err(ended.into()),
        () = shutdown => {}
    }
    info!("stopping");
    state.stop();
    public.drain().await;
    info!("stopped");
    Ok(())
}
