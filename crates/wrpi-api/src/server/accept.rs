//! Accepts connections, and waits until they have ended.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use nix::errno::Errno;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::places::{Place, Places};
use super::socket::is_unacknowledged;
use super::{BoxError, Handler, Server, http1, tls};
use crate::streams::broadcast::Broadcast;

/// Pause before the next attempt if accepting fails, for example because no file descriptor is free.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);
/// How long idle connections stay open after the signal to stop: a request may be in transit.
const IDLE_GRACE: Duration = Duration::from_secs(1);
/// How long the responses in progress may take after [`IDLE_GRACE`].
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

impl Server {
    pub(super) fn new(places: Arc<Places>, idle_timeout: Duration, broadcast: Arc<Broadcast>) -> Arc<Self> {
        let (stopping, closing) = Default::default();
        Arc::new(Self { places, idle_timeout, broadcast, tasks: TaskTracker::new(), stopping, closing })
    }

    /// Accepts and serves connections until [`Server::drain`].
    pub(super) async fn accept(
        self: Arc<Self>,
        listener: TcpListener,
        acceptor: Option<TlsAcceptor>,
        handler: Handler,
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
                    if self.places.is_full() {
                        // An evicted connection holds its descriptor until its task has run.
                        yield_now().await;
                    }
                }
                Err(error) if is_exhausted(&error) => {
                    if !std::mem::replace(&mut is_failing, true) {
                        warn!(%error, "cannot accept connections, retrying");
                    }
                    sleep(ACCEPT_RETRY).await;
                }
                Err(error) => debug!(%error, "a connection ended before it was accepted"),
            }
        }
        // The kernel has already accepted the connections in its queue. tokio's listener may miss some of them.
        let Ok(listener) = listener.into_std() else { return };
        accept_queue(
            || listener.accept().map(|(stream, _)| stream),
            |stream| {
                if let Ok(stream) = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream)) {
                    self.spawn(stream, acceptor.as_ref(), &handler);
                }
            },
        )
        .await;
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

    fn spawn(self: &Arc<Self>, stream: TcpStream, acceptor: Option<&TlsAcceptor>, handler: &Handler) {
        // A connection without a peer has already ended.
        let Some(place) = stream.peer_addr().ok().and_then(|peer| self.places.take(peer.ip(), &stream)) else { return };
        let _unsupported = stream.set_nodelay(true);
        let (server, acceptor, handler) = (self.clone(), acceptor.cloned(), handler.clone());
        self.tasks.spawn(async move {
            let connection = &place.connection;
            // Boxed, so that a connection takes only the memory of its own protocol.
            let serving = match acceptor {
                None => http1::serve(stream, http1::readable, connection, handler, &server).boxed(),
                Some(acceptor) => tls::serve(stream, acceptor, connection, handler, &server).boxed(),
            };
            record(&place, place.until_evicted(serving).await);
        });
    }
}

/// Passes all connections that wait in the kernel's queue to `serve`. `next` returns them, and
/// [`WouldBlock`](io::ErrorKind::WouldBlock) at the end. Other errors end nothing: each is about a single connection, or
/// passes when others end.
async fn accept_queue<T>(mut next: impl FnMut() -> io::Result<T>, serve: impl Fn(T)) {
    loop {
        match next() {
            Ok(connection) => serve(connection),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(error) if is_exhausted(&error) => sleep(ACCEPT_RETRY).await,
            Err(_) => yield_now().await,
        }
    }
}

/// Whether no connection can be accepted until the process or the kernel has room for one. Any other error is about a
/// single connection.
fn is_exhausted(error: &io::Error) -> bool {
    let number = error.raw_os_error().map(Errno::from_raw);
    matches!(number, Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM))
}

/// Counts and logs why a connection has ended. `None`: it was evicted, which is counted already.
fn record(place: &Place, ended: Option<Result<(), BoxError>>) {
    let metrics = &place.places.metrics;
    if place.connection.is_idle() {
        metrics.idle.inc();
    }
    if let Some(Err(error)) = ended {
        let counter = if is_unacknowledged(&*error) { &metrics.unacknowledged } else { &metrics.failed };
        counter.inc();
        debug!(error, "connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::cell::RefCell;

    #[tokio::test]
    async fn accepts_the_queue_to_its_end_whatever_single_connections_fail_with() {
        let failed = |errno: Errno| Err(io::Error::from(errno));
        let queue = [
            Ok(1),
            failed(Errno::ECONNABORTED),
            failed(Errno::EPROTO),
            Ok(2),
            failed(Errno::EMFILE),
            failed(Errno::ENOMEM),
            Ok(3),
            failed(Errno::EAGAIN),
            Ok(4),
        ];
        let (mut queue, served) = (queue.into_iter(), RefCell::default());
        let accepted =
            accept_queue(|| queue.next().unwrap(), |number| RefCell::<Vec<_>>::borrow_mut(&served).push(number));
        timeout(DRAIN_TIMEOUT, accepted).await.unwrap();
        assert_eq!(served.into_inner(), [1, 2, 3]);
    }

    #[test]
    fn pauses_only_if_no_connection_can_be_accepted() {
        for errno in [Errno::EMFILE, Errno::ENFILE, Errno::ENOBUFS, Errno::ENOMEM] {
            assert!(is_exhausted(&errno.into()), "{errno}");
        }
        for errno in [Errno::ECONNABORTED, Errno::EPROTO, Errno::EPERM, Errno::ENETDOWN, Errno::EHOSTUNREACH] {
            assert!(!is_exhausted(&errno.into()), "{errno}");
        }
    }
}
