//! The connections of one listener.

use std::convert::Infallible;
use std::error::Error;
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use http::{Request, Response};
use hyper::body::{Body, Bytes, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::graceful::GracefulConnection;
use prometheus::{IntCounter, IntGauge};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::lines::StrictLines;
use super::supervision::{Order, Place, Supervisor, Watched};

/// How long to wait when the process has no descriptor left for a connection.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// The head of a request, in bytes and lines: far more than any browser sends.
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;
const MAX_STREAMS: u32 = 100;

/// Answers the requests of a listener.
pub(super) trait Answer: Clone + Send + Sync + 'static {
    /// The answer's body.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static;
    /// The answer, in time.
    type Future: Future<Output = Result<Response<Self::Body>, Infallible>> + Send + 'static;

    /// Answers `request`, which came from `peer`.
    fn answer(&self, request: Request<Incoming>, peer: IpAddr) -> Self::Future;
}

/// How many connections a listener may have, and how long one may rest.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) connections: usize,
    pub(crate) idle_timeout: Duration,
    /// Counts the open ones.
    pub(crate) active: IntGauge,
    /// Counts those above the limit.
    pub(crate) refused: IntCounter,
}

/// Every connection of some listeners, and what they share.
pub(super) struct Connections {
    limits: Limits,
    supervisor: Arc<Supervisor>,
    tasks: TaskTracker,
}

impl Connections {
    pub(super) fn new(limits: Limits) -> Self {
        let (supervisor, tasks) = (Arc::<Supervisor>::default(), TaskTracker::new());
        tasks.close();
        Self { limits, supervisor, tasks }
    }

    /// Accepts and serves connections, for ever.
    pub(super) async fn accept(&self, listener: &TcpListener, tls: Option<&TlsAcceptor>, answer: &impl Answer) {
        let mut has_failed = false;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    has_failed = false;
                    self.serve(stream, peer.ip(), tls, answer);
                }
                Err(error) => {
                    if !std::mem::replace(&mut has_failed, true) {
                        warn!(%error, "cannot accept connections, trying again");
                    }
                    sleep(ACCEPT_RETRY).await;
                }
            }
        }
    }

    /// Accepts what waits at `listener` already.
    pub(super) fn accept_waiting(&self, listener: &TcpListener, tls: Option<&TlsAcceptor>, answer: &impl Answer) {
        while let Some(Ok((stream, peer))) = listener.accept().now_or_never() {
            self.serve(stream, peer.ip(), tls, answer);
        }
    }

    /// Ends connections at rest or too slow, for ever.
    pub(super) async fn watch(&self) {
        self.supervisor.watch(self.limits.idle_timeout).await;
    }

    /// Completes when no connection is left.
    pub(super) async fn ended(&self) {
        self.tasks.wait().await;
    }

    /// Closes connections without a request under way.
    pub(super) fn close_idle(&self) {
        self.supervisor.finish_all();
    }

    fn serve(&self, stream: TcpStream, peer: IpAddr, tls: Option<&TlsAcceptor>, answer: &impl Answer) {
        let Some(place) = self.supervisor.admit(self.limits.connections) else {
            self.limits.refused.inc();
            return;
        };
        let _unsupported = stream.set_nodelay(true);
        let (tls, answer, active) = (tls.cloned(), answer.clone(), self.limits.active.clone());
        self.tasks.spawn(async move {
            active.inc();
            let ended = match tls {
                None => drive_http1(stream, place, peer, answer).await,
                Some(tls) => Box::pin(drive_tls(stream, tls, place, peer, answer)).await,
            };
            active.dec();
            if let Err(error) = ended {
                debug!(error, "connection ended early");
            }
        });
    }
}

async fn drive_tls(
    stream: TcpStream,
    tls: TlsAcceptor,
    place: Place,
    peer: IpAddr,
    answer: impl Answer,
) -> Result<(), String> {
    let mut handshake = pin!(timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)));
    let handshake = poll_fn(|cx| match place.watch.order(cx) {
        Order::Serve => handshake.as_mut().poll(cx).map_err(|late| late.to_string()),
        _ => Poll::Ready(Err("told to end during the handshake".to_owned())),
    });
    let stream = handshake.await?.map_err(|error| error.to_string())?;
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        drive_http2(stream, place, peer, answer).await
    } else {
        drive_http1(stream, place, peer, answer).await
    }
}

async fn drive_http1(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    place: Place,
    peer: IpAddr,
    answer: impl Answer,
) -> Result<(), String> {
    let watch = place.watch.clone();
    let service = service_fn(move |request| {
        watch.head_came();
        answer.answer(request, peer)
    });
    let stream = Watched { stream: TokioIo::new(StrictLines::new(stream)), watch: place.watch.clone() };
    let mut http1 = http1::Builder::new();
    http1.max_buf_size(MAX_HEAD).max_headers(MAX_HEADERS);
    drive(Box::pin(http1.serve_connection(stream, service)), place).await
}

async fn drive_http2(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    place: Place,
    peer: IpAddr,
    answer: impl Answer,
) -> Result<(), String> {
    place.is_not_serial();
    let service = service_fn(move |request| answer.answer(request, peer));
    let stream = Watched { stream: TokioIo::new(stream), watch: place.watch.clone() };
    let mut http2 = http2::Builder::new(TokioExecutor::new());
    http2.max_concurrent_streams(MAX_STREAMS).max_header_list_size(MAX_HEAD as u32);
    drive(Box::pin(http2.serve_connection(stream, service)), place).await
}

/// Runs a connection to its end, obeying its supervisor. It is boxed, or the task would have room for it twice.
async fn drive(mut connection: Pin<Box<impl GracefulConnection<Error: ToString>>>, place: Place) -> Result<(), String> {
    let mut is_finishing = false;
    poll_fn(|cx| {
        match place.watch.order(cx) {
            Order::Serve => {}
            Order::Finish if is_finishing => {}
            Order::Finish => {
                is_finishing = true;
                connection.as_mut().graceful_shutdown();
            }
            Order::Cut => return Poll::Ready(Err("too slow".to_owned())),
        }
        connection.as_mut().poll(cx).map_err(|error| error.to_string())
    })
    .await
}
