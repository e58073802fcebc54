//! Serving the listeners until told to stop, and stopping without losing a request.

mod connections;
mod descriptors;
mod lines;
mod public;
mod supervision;
mod tls;
mod tracking;

use std::future::{Future, pending};
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use prometheus::Registry;
use tokio::net::{TcpListener, TcpSocket};
use tracing::info;

use crate::admin::{self, Admin};
use crate::api::Api;
use crate::settings::HttpSettings;
use connections::Connections;
pub(crate) use connections::Limits;
use public::Public;
pub use tls::Certificates;
pub(crate) use tracking::Activity;

/// Probes and scrapes need few connections; they are not counted among those of the world.
const ADMIN_CONNECTIONS: usize = 256;

/// How many connections may wait to be accepted: a whole crowd that comes at once, as after a restart.
const BACKLOG: u32 = 4096;

/// The kernel's buffers of a connection, each way, in bytes; it takes twice that. More than a request or answer needs,
/// and far less than the megabytes that it would give a client who writes and never reads.
const SOCKET_BUFFER: u32 = 16 * 1024;

/// The bound sockets.
#[derive(Debug)]
pub struct Listeners {
    /// For the world, plain.
    pub public: TcpListener,
    /// For the world, over TLS.
    pub tls: Option<TcpListener>,
    /// For probes and metrics; the world must not reach it.
    pub admin: TcpListener,
}

impl Listeners {
    /// Binds the addresses of `settings`.
    ///
    /// # Errors
    ///
    /// When an address is taken, or not this host's: named with its variable.
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

/// Serves until `shutdown` completes. Then it is not ready any more, accepts no new connection, answers the
/// requests that are under way (within about ten seconds) and returns.
///
/// # Errors
///
/// When `registry` has metrics of the same names already.
pub async fn serve(
    listeners: Listeners,
    mut api: Api,
    settings: HttpSettings,
    registry: Registry,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    // A stream must not look like a connection at rest.
    api.heartbeat = api.heartbeat.min(settings.idle_timeout / 3);
    let api = Arc::new(api);
    let public = Public::new(listeners.public, listeners.tls, &api, &settings)?;
    let admin = Connections::new(api.metrics.limits("admin", ADMIN_CONNECTIONS, settings.idle_timeout));
    let admin_router = admin::router(Admin { api: api.clone(), registry: registry.clone() });
    let certificate = async {
        match settings.tls {
            Some(tls) => tls.certificates.follow(&registry).await,
            None => pending().await,
        }
    };
    let until_drained = async {
        tokio::select! {
            () = shutdown => {}
            () = public.accept() => {}
        }
        info!("stopping");
        api.stop();
        public.drain().await;
        info!("stopped");
        Ok(())
    };
    tokio::select! {
        done = until_drained => done,
        failed = certificate => failed,
        () = admin.accept(&listeners.admin, None, &admin_router) => Ok(()),
        () = admin.supervise() => Ok(()),
    }
}
