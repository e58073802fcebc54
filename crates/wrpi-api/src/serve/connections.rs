//! The connections of one listener.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use futures_util::FutureExt;
use http::HeaderValue;
use http::header::CONNECTION;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

/// How long a client may take to send the head of a request; also how long it may keep an idle connection.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(60);
/// How long to wait when the process has no descriptor left for a connection.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// Every connection of one listener, and what they share.
pub(super) struct Connections {
    router: Router,
    closing: Arc<AtomicBool>,
    idle_must_end: CancellationToken,
    tasks: TaskTracker,
    accept_failed: bool,
}

impl Connections {
    /// Connections served by `router`; while `closing` is true each answer is the last on its connection.
    pub(super) fn new(router: Router, closing: Arc<AtomicBool>) -> Self {
        let (idle_must_end, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.close();
        Self { router, closing, idle_must_end, tasks, accept_failed: false }
    }

    /// Accepts and serves connections, for ever.
    pub(super) async fn accept(&mut self, listener: &TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    self.accept_failed = false;
                    self.serve(stream);
                }
                Err(error) => {
                    if !std::mem::replace(&mut self.accept_failed, true) {
                        warn!(%error, "cannot accept connections, trying again");
                    }
                    sleep(ACCEPT_RETRY).await;
                }
            }
        }
    }

    /// Accepts what waits at `listener` already.
    pub(super) fn accept_waiting(&mut self, listener: &TcpListener) {
        while let Some(Ok((stream, _))) = listener.accept().now_or_never() {
            self.serve(stream);
        }
    }

    /// Completes when no connection is left.
    pub(super) async fn ended(&self) {
        self.tasks.wait().await;
    }

    /// Closes connections without a request under way, now and from now on.
    pub(super) fn close_idle(&self) {
        self.idle_must_end.cancel();
    }

    fn serve(&self, stream: TcpStream) {
        let _unsupported = stream.set_nodelay(true);
        let (router, closing) = (TowerToHyperService::new(self.router.clone()), self.closing.clone());
        let service = service_fn(move |request| {
            let answer = router.call(request);
            let closing = closing.clone();
            async move {
                let mut answer = answer.await?;
                if closing.load(Ordering::Relaxed) {
                    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(answer)
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_READ_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service);
        let idle_must_end = self.idle_must_end.clone();
        self.tasks.spawn(async move {
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = idle_must_end.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                debug!(%error, "connection ended early");
            }
        });
    }
}
