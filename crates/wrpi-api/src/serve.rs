//! Serving both listeners until told to stop, and stopping without losing a request.

mod connections;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use prometheus::Registry;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tower_http::cors::AllowOrigin;
use tracing::{info, warn};

use crate::admin::{self, Admin};
use crate::router::{Api, router};
use crate::settings::HttpSettings;
use connections::Connections;

/// After the signal to stop, how long a client may keep an idle connection: a request that is under way on it is
/// still answered, and that answer closes the connection.
const LINGER: Duration = Duration::from_secs(1);
/// How long answers that are being sent then may take.
const DRAIN: Duration = Duration::from_secs(10);

/// The bound sockets.
#[derive(Debug)]
pub struct Listeners {
    /// For the world.
    pub public: TcpListener,
    /// For probes and metrics; the world must not reach it.
    pub admin: TcpListener,
}

impl Listeners {
    /// Binds the addresses of `settings`.
    ///
    /// # Errors
    ///
    /// When an address is taken, or not this host's: named with its variable.
    pub async fn bind(settings: &HttpSettings) -> anyhow::Result<Self> {
        let bind = async |variable, address| {
            TcpListener::bind(address).await.with_context(|| format!("cannot listen on {variable} {address}"))
        };
        let public = bind("LISTEN_ADDR", settings.listen).await?;
        let admin = bind("ADMIN_ADDR", settings.admin).await?;
        info!(public = %public.local_addr()?, admin = %admin.local_addr()?, "listening");
        Ok(Self { public, admin })
    }
}

/// Serves until `shutdown` completes. Then it is not ready any more, accepts no new connection, answers the
/// requests that are under way (within about ten seconds) and returns.
pub async fn serve(
    listeners: Listeners,
    api: Api,
    allowed_origins: AllowOrigin,
    registry: Registry,
    shutdown: impl Future<Output = ()>,
) {
    let stopping = Arc::new(AtomicBool::new(false));
    let admin_router = admin::router(Admin { api: api.clone(), registry, stopping: stopping.clone() });
    let mut admin = Connections::new(admin_router, Arc::default());
    let mut public = Connections::new(router(api, allowed_origins), stopping.clone());
    tokio::select! {
        () = shutdown => {}
        () = public.accept(&listeners.public) => {}
        () = admin.accept(&listeners.admin) => {}
    }
    info!("stopping");
    stopping.store(true, Ordering::Relaxed);
    public.accept_waiting(&listeners.public);
    drop(listeners.public);
    let drained = async {
        if timeout(LINGER, public.ended()).await.is_err() {
            public.close_idle();
        }
        timeout(DRAIN, public.ended()).await
    };
    tokio::select! {
        drained = drained => if drained.is_err() {
            warn!(drain_seconds = DRAIN.as_secs(), "connections cut that did not end in time");
        },
        () = admin.accept(&listeners.admin) => {}
    }
    info!("stopped");
}
