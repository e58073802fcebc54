//! The example page, on a separate listener, so that it has another origin than the API.

mod router;

use std::future::pending;
use std::net::SocketAddr;

use anyhow::Context;
use wrpi_api::listen;

use crate::output::print_line;
use crate::settings::reachable;

/// Serves the page at `address`. The page calls the API that listens at `api`, with this URL scheme. Without an address
/// it serves nothing; in both cases it does not return unless it fails.
///
/// # Errors
///
/// When the address is in use, or does not belong to this host.
pub(crate) async fn serve(address: Option<SocketAddr>, scheme: &'static str, api: SocketAddr) -> anyhow::Result<()> {
    let Some(address) = address else { return pending().await };
    let listener = listen(address).with_context(|| format!("cannot listen on PAGE_ADDR {address}"))?;
    print_line(&format!("page: http://{}", reachable(listener.local_addr()?)));
    Ok(axum::serve(listener, router::router(scheme, api)).await?)
}
