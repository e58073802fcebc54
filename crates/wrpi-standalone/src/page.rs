//! The example page beside the API, on a listener, and so an origin, of its own.

mod router;

use std::future::pending;
use std::net::SocketAddr;

use anyhow::Context;
use tokio::net::TcpListener;

use crate::output::print_line;
use crate::settings::reachable;

/// Serves the page at `address`, for ever; it asks the API at `api`. Without an address there is no page.
///
/// # Errors
///
/// When the address is taken, or not this host's.
pub(crate) async fn serve(address: Option<SocketAddr>, api: &str) -> anyhow::Result<()> {
    let Some(address) = address else { return pending().await };
    let bound = TcpListener::bind(address).await;
    let listener = bound.with_context(|| format!("cannot listen on PAGE_ADDR {address}"))?;
    print_line(&format!("page: http://{}", reachable(listener.local_addr()?)));
    Ok(axum::serve(listener, router::router(api)).await?)
}
