//! Accepts connections, and waits until they have ended.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::broadcast::Broadcast;
use super::connection::{BoxError, Handler, ServerContext};
use super::places::Places;
use super::{http1, tls};

/// Pause before the next attempt if accepting fails, for example because no file descriptor is free.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);
/// How long idle connections stay open after the signal to stop: a request may be in transit.
const IDLE_GRACE: Duration = Duration::from_secs(1);
/// How long the responses in progress may take after [`IDLE_GRACE`].
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// The connections of one or more listeners.
pub(super) struct Connections {
    places: Arc<Places>,
    idle_timeout: Duration,
    broadcast: Arc<Broadcast>,
    tasks: TaskTracker,
    /// Cancelled to stop accepting.
    stopping: CancellationToken,
    /// Cancelled to close each connection after its responses in progress.
    closing: CancellationToken,
}

impl Connections {
    pub(super) fn new(places: Arc<Places>, idle_timeout: Duration, broadcast: Arc<Broadcast>) -> Arc<Self> {
        let (stopping, closing) = Default::default();
        Arc::new(Self { places, idle_timeout, broadcast, tasks: TaskTracker::new(), stopping, closing })
    }

    /// Accepts and serves connections until [`Connections::drain`].
    pub(super) async fn accept(
        self: Arc<Self>,
        listener: TcpListener,
        acceptor: Option<TlsAcceptor>,
        handler: impl Handler,
    ) {
        let _accepting = self.tasks.token();
        let mut is_failing = false;
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.stopping.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    is_failing = false;
                    self.spawn(stream, acceptor.as_ref(), &handler);
                }
                Err(error) => {
                    if !std::mem::replace(&mut is_failing, true) {
                        warn!(%error, "cannot accept connections, retrying");
                    }
                    sleep(ACCEPT_RETRY).await;
                }
            }
        }
        // The kernel has already accepted the connections in its queue. tokio's listener may miss some of them.
        let Ok(listener) = listener.into_std() else { return };
        while let Ok((stream, _)) = listener.accept() {
            if let Ok(stream) = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream)) {
                self.spawn(stream, acceptor.as_ref(), &handler);
            }
        }
    }

    /// Accepts the connections that still wait in the kernel. Returns when all requests are answered, or after
    /// [`IDLE_GRACE`] and [`DRAIN_TIMEOUT`].
    pub(super) async fn drain(&self) {
        self.stopping.cancel();
        self.tasks.close();
        if timeout(IDLE_GRACE, self.tasks.wait()).await.is_err() {
            self.closing.cancel();
        }
        if timeout(DRAIN_TIMEOUT, self.tasks.wait()).await.is_err() {
            warn!(connections = self.tasks.len(), "closing connections that did not end in time");
        }
    }

    fn spawn(&self, stream: TcpStream, acceptor: Option<&TlsAcceptor>, handler: &impl Handler) {
        // A connection without a peer has already ended.
        let Some(place) = stream.peer_addr().ok().and_then(|peer| self.places.take(peer.ip())) else { return };
        let _unsupported = stream.set_nodelay(true);
        let context = ServerContext {
            idle_timeout: self.idle_timeout,
            closing: self.closing.clone(),
            broadcast: self.broadcast.clone(),
        };
        let handler = handler.clone();
        match acceptor.cloned() {
            None => self.tasks.spawn(async move {
                let connection = place.connection.clone();
                log(place.until_evicted(http1::serve(stream, connection, handler, &context)).await);
            }),
            Some(acceptor) => self.tasks.spawn(async move {
                let connection = place.connection.clone();
                log(place.until_evicted(tls::serve(stream, acceptor, connection, handler, &context)).await);
            }),
        };
    }
}

fn log(ended: Option<Result<(), BoxError>>) {
    if let Some(Err(error)) = ended {
        debug!(error, "connection ended early");
    }
}
