//! The listeners: binds, serves, and stops without losing a request.

mod accept;
mod descriptors;
mod hang_ups;
mod http1;
mod http2;
mod listen;
mod places;
mod socket;
mod tls;

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Either};
use http::Request;
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_service::Service as _;
use tracing::info;
use wrpi_core::Tasks;

use crate::certificates::reload;
use crate::connection::ConnectionState;
use crate::middleware::https::Https;
use crate::routes::{Body, ResponseFuture, Routes, admin};
use crate::settings::HttpSettings;
use crate::state::AppState;
use crate::streams::broadcast::Broadcast;
pub use listen::listen;
use places::Places;

/// Time-out for closing an idle connection, which has nothing to send except HTTP/2's GOAWAY.
const IDLE_CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Maximum size of a request head, in bytes. Browsers send far less.
const MAX_HEAD: usize = 16 * 1024;

type BoxError = Box<dyn Error + Send + Sync>;
/// Answers the requests of a listener, and records each with [`ConnectionState::touch`].
type Handler = Arc<dyn Fn(Request<Incoming>, &Arc<ConnectionState>) -> HandlerFuture + Send + Sync>;
/// A response that is available at once, or later.
type HandlerFuture = Either<ResponseFuture, BoxFuture<'static, <ResponseFuture as Future>::Output>>;

/// What one or more listeners and their connections share.
struct Server {
    places: Arc<Places>,
    idle_timeout: Duration,
    broadcast: Arc<Broadcast>,
    tasks: TaskTracker,
    /// Cancelled to stop accepting.
    stopping: CancellationToken,
    /// Cancelled to close each connection after its responses in progress.
    closing: CancellationToken,
}

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

    let server = |listener, max| {
        let places = Places::new(max, state.metrics.connections(listener, max))?;
        anyhow::Ok(Server::new(places, settings.idle_timeout, broadcast.clone()))
    };
    let limits = descriptors::limits(settings.max_connections);
    let public = server("public", limits.public)?;
    let admin = server("admin", limits.admin)?;
    let routes = |https| -> Handler {
        let routes = Arc::new(Routes::new(state.clone(), https));
        Arc::new(move |request, connection| Either::Left(routes.call(request, connection)))
    };
    let mut plain = Https::Off;
    if let (Some(listener), Some(tls)) = (listeners.tls, &settings.tls) {
        if tls.redirect {
            // With port 0, the kernel has chosen a port.
            let port = if tls.https_port == 0 { listener.local_addr()?.port() } else { tls.https_port };
            plain = Https::Redirect(port);
        }
        let acceptor = tls::acceptor(&tls.certificates)?;
        let https = routes(Https::on(tls.hsts_max_age));
        tasks.spawn("TLS listener", public.clone().accept(listener, Some(acceptor), https));
        let metrics = reload::Metrics::register(&state.metrics.registry)?;
        tasks.spawn("certificate reload", reload::follow(tls.certificates.clone(), metrics));
    }
    tasks.spawn("public listener", public.clone().accept(listeners.public, None, routes(plain)));
    let router = admin::router(state.clone());
    let probes = Arc::new(move |request: Request<Incoming>, connection: &Arc<ConnectionState>| {
        connection.touch(Instant::now());
        Either::Right(router.clone().call(request).map(|answered| Ok(answered?.map(Body::Right))).boxed())
    });
    tasks.spawn("admin listener", admin.accept(listeners.admin, None, probes));

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
