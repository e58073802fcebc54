//! What HTTP/1.1 and HTTP/2 connections have in common.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Request, Response};
use hyper::body::{Body, Bytes, Incoming};
use hyper::service::{Service, service_fn};
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use super::broadcast::Broadcast;
use crate::connect_info::ConnectInfo;

/// Time-out for the TLS handshake, and for the first request.
pub(super) const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Time-out for closing an idle connection, which has nothing to send except HTTP/2's GOAWAY.
pub(super) const IDLE_CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Maximum size of a request head, in bytes. Browsers send far less.
pub(super) const MAX_HEAD: usize = 16 * 1024;
pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// What a connection knows of its server.
pub(super) struct ServerContext {
    /// How long it may be idle.
    pub(super) idle_timeout: Duration,
    /// Cancelled when the server closes.
    pub(super) closing: CancellationToken,
    /// Sends the events of its stream.
    pub(super) broadcast: Arc<Broadcast>,
}

/// A closure that answers the requests of a listener. It records each with [`ConnectInfo::touch`].
pub(super) trait Handler: Clone + Send + Sync + Unpin + 'static {
    type Body: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static;
    type Future: Future<Output = Result<Response<Self::Body>, Infallible>> + Send + Unpin + 'static;

    fn handle(&self, request: Request<Incoming>, connection: &Arc<ConnectInfo>) -> Self::Future;
}

impl<H, F, B> Handler for H
where
    H: Fn(Request<Incoming>, &Arc<ConnectInfo>) -> F + Clone + Send + Sync + Unpin + 'static,
    F: Future<Output = Result<Response<B>, Infallible>> + Send + Unpin + 'static,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Body = B;
    type Future = F;

    fn handle(&self, request: Request<Incoming>, connection: &Arc<ConnectInfo>) -> F {
        self(request, connection)
    }
}

/// `handler` as a service of hyper.
pub(super) fn service<H: Handler>(
    connection: Arc<ConnectInfo>,
    handler: H,
) -> impl Service<Request<Incoming>, Response = Response<H::Body>, Error = Infallible, Future = H::Future> {
    service_fn(move |request| handler.handle(request, &connection))
}

/// Completes when the connection has been idle for `idle_timeout`, or its first request after `began` is late. A request
/// does not touch the timer. If the timer fires and the connection has been used meanwhile, the timer is set again. This
/// timer is for a client that is there and silent; the kernel finds one that is gone (see `listen`).
pub(super) async fn idle(connection: &ConnectInfo, began: Instant, idle_timeout: Duration) {
    loop {
        let end = match connection.last_used() {
            Some(used) => used + idle_timeout,
            None => began + FIRST_REQUEST_TIMEOUT.min(idle_timeout),
        };
        if end <= Instant::now() {
            return connection.set_idle();
        }
        sleep_until(end.into()).await;
    }
}
