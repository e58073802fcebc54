//! The listeners: binding, serving, and stopping without losing a request.

mod accept;
mod connection;
mod descriptors;
mod http1;
mod http2;
mod io;
mod places;
mod tls;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use tokio::net::{TcpListener, TcpSocket};
use tower_service::Service as _;
use tracing::info;
use wrpi_core::Tasks;

use crate::connect_info::ConnectInfo;
use crate::middleware::https::Https;
use crate::routes::{Routes, admin};
use crate::settings::HttpSettings;
use crate::state::AppState;
use accept::Connections;
use places::Places;

/// Probes and scrapes need few connections. They do not count towards `MAX_CONNECTIONS`.
const ADMIN_CONNECTIONS: usize = 256;

/// How many connections may wait to be accepted: all clients that reconnect at once, for example after a restart.
const BACKLOG: u32 = 4096;

/// The kernel's buffers of a connection, each way, in bytes; it takes twice that. This is more than a request or
/// response needs, and far less than the megabytes that a client which never reads could otherwise fill.
const SOCKET_BUFFER: u32 = 8 * 1024;

/// The bound sockets.
#[derive(Debug)]
pub struct Listeners {
    /// The public listener, plain.
    pub public: TcpListener,
    /// The public listener over TLS.
    pub tls: Option<TcpListener>,
    /// The listener for probes and metrics; it must not be public.
    pub admin: TcpListener,
}

impl Listeners {
    /// Binds the addresses of `settings`.
    ///
    /// # Errors
    ///
    /// When an address is in use, or not an address of this host. The error names its variable.
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

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.set_recv_buffer_size(SOCKET_BUFFER)?;
    socket.set_send_buffer_size(SOCKET_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until `shutdown` completes. Then the API is not ready any more, accepts no new connection, answers the requests
/// under way (within about ten seconds), and returns.
///
/// # Errors
///
/// When one of `tasks` ends, or one of its own: a part of the process no longer works. Also when the registry of `state`
/// already has metrics of the same names.
pub async fn serve(
    listeners: Listeners,
    mut state: AppState,
    settings: HttpSettings,
    mut tasks: Tasks,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    // A stream must not look idle.
    state.heartbeat = state.heartbeat.min(settings.idle_timeout / 3);
    let state = Arc::new(state);
    tasks.spawn("renderer", state.clone().follow_readings());

    let connections = |listener, max| {
        Connections::new(Places::new(max, state.metrics.connections(listener, max)), settings.idle_timeout)
    };
    let public = connections("public", descriptors::within_limit(settings.max_connections));
    let admin = connections("admin", ADMIN_CONNECTIONS);
    let routes = |https| {
        let routes = Arc::new(Routes::new(state.clone(), https));
        move |request, connection: &_| routes.call(request, connection)
    };
    let mut plain = Https::Off;
    if let (Some(listener), Some(tls)) = (listeners.tls, &settings.tls) {
        if tls.redirect {
            // Port 0 is the one that the kernel chose.
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
