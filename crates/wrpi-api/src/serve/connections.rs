//! The connections of one listener.

use std::convert::Infallible;
use std::error::Error;
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Bytes, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::{Service, service_fn};
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
use super::supervision::{Permit, Supervisor};
use super::tracking::{Activity, Order, Tracked};

/// How long to wait when the process has no descriptor left for a connection.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// The head of a request, in bytes and lines: far more than any browser sends.
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;
/// Requests side by side on a connection of HTTP/2: a page has one or two, and each may hold memory while its answer
/// is not taken.
const MAX_STREAMS: u32 = 32;
/// What is encrypted of answers before the connection takes it, in bytes: a record.
const TLS_BUFFER: usize = 16 * 1024;
/// What may be sent of bodies before it is asked for, in bytes: none is wanted, and less is not allowed (RFC 9113, 6.9.2).
const WINDOW: u32 = 65_535;

/// Answers the requests of a listener.
pub(super) trait Handler: Clone + Send + Sync + 'static {
    /// The answer's body.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static;
    /// The answer, in time.
    type Future: Future<Output = Result<Response<Self::Body>, Infallible>> + Send + 'static;

    /// Answers `request`, which came on the connection of `activity`.
    fn handle(&self, request: Request<Incoming>, activity: &Arc<Activity>) -> Self::Future;
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
    /// Counts those that made room for others.
    pub(crate) evicted: IntCounter,
}

/// Every connection of some listeners, and what they share.
pub(super) struct Connections {
    limits: Limits,
    supervisor: Arc<Supervisor>,
    tasks: TaskTracker,
}

impl Connections {
    pub(super) fn new(limits: Limits) -> Self {
        let (supervisor, tasks) = (Arc::new(Supervisor::new(limits.evicted.clone())), TaskTracker::new());
        tasks.close();
        Self { limits, supervisor, tasks }
    }

    /// Accepts and serves connections, for ever.
    pub(super) async fn accept(&self, listener: &TcpListener, tls: Option<&TlsAcceptor>, handler: &impl Handler) {
        let mut has_failed = false;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    has_failed = false;
                    self.serve(stream, peer.ip(), tls, handler);
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

    /// Accepts what waits at `listener` already, and closes it.
    pub(super) fn accept_waiting(&self, listener: TcpListener, tls: Option<&TlsAcceptor>, handler: &impl Handler) {
        // Asked without tokio, which gives up before it has seen all.
        let accepted = listener.into_std().map(|listener| std::iter::from_fn(move || listener.accept().ok()));
        for (stream, peer) in accepted.into_iter().flatten() {
            let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
            if let Ok(stream) = stream {
                self.serve(stream, peer.ip(), tls, handler);
            }
        }
    }

    /// Ends connections at rest or too slow, for ever.
    pub(super) async fn supervise(&self) {
        self.supervisor.supervise(self.limits.idle_timeout).await;
    }

    /// Completes when no connection is left.
    pub(super) async fn ended(&self) {
        self.tasks.wait().await;
    }

    /// Closes connections without a request under way.
    pub(super) fn close_idle(&self) {
        self.supervisor.finish_all();
    }

    fn serve(&self, stream: TcpStream, peer: IpAddr, tls: Option<&TlsAcceptor>, handler: &impl Handler) {
        let Some(permit) = self.supervisor.admit(self.limits.connections, peer) else {
            self.limits.refused.inc();
            return;
        };
        let _unsupported = stream.set_nodelay(true);
        let (tls, handler, active) = (tls.cloned(), handler.clone(), self.limits.active.clone());
        self.tasks.spawn(async move {
            active.inc();
            let ended = match tls {
                None => drive_http1(stream, permit, handler).await,
                Some(tls) => Box::pin(drive_tls(stream, tls, permit, handler)).await,
            };
            active.dec();
            if let Err(error) = ended {
                debug!(error, "connection ended early");
            }
        });
    }
}

async fn drive_tls(stream: TcpStream, tls: TlsAcceptor, permit: Permit, handler: impl Handler) -> Result<(), String> {
    let mut handshake = pin!(timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)));
    let handshake = poll_fn(|cx| match permit.activity.order(cx) {
        Order::Serve => handshake.as_mut().poll(cx).map_err(|late| late.to_string()),
        _ => Poll::Ready(Err("told to end during the handshake".to_owned())),
    });
    let mut stream = handshake.await?.map_err(|error| error.to_string())?;
    stream.get_mut().1.set_buffer_limit(Some(TLS_BUFFER));
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        drive_http2(stream, permit, handler).await
    } else {
        drive_http1(stream, permit, handler).await
    }
}

async fn drive_http1(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    permit: Permit,
    handler: impl Handler,
) -> Result<(), String> {
    let service = tracked(&permit, handler);
    let stream = Tracked { stream: TokioIo::new(StrictLines::new(stream)), activity: permit.activity.clone() };
    let mut http1 = http1::Builder::new();
    http1.max_buf_size(MAX_HEAD).max_headers(MAX_HEADERS);
    drive(permit, Box::pin(http1.serve_connection(stream, service))).await
}

async fn drive_http2(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    permit: Permit,
    handler: impl Handler,
) -> Result<(), String> {
    permit.is_not_serial();
    let service = tracked(&permit, handler);
    let stream = Tracked { stream: TokioIo::new(stream), activity: permit.activity.clone() };
    let mut http2 = http2::Builder::new(TokioExecutor::new());
    http2.max_concurrent_streams(MAX_STREAMS).max_header_list_size(MAX_HEAD as u32);
    http2.initial_connection_window_size(WINDOW).initial_stream_window_size(WINDOW);
    drive(permit, Box::pin(http2.serve_connection(stream, service))).await
}

/// Handles the requests of a connection, and notes that they come.
fn tracked<H: Handler>(
    permit: &Permit,
    handler: H,
) -> impl Service<Request<Incoming>, Response = Response<H::Body>, Error = Infallible, Future = H::Future> + use<H> {
    let activity = permit.activity.clone();
    service_fn(move |request| {
        activity.request_came();
        handler.handle(request, &activity)
    })
}

/// Runs a connection to its end, obeying its supervisor. It is boxed, or the task would have room for it twice;
/// and it ends before its permit does.
async fn drive(
    permit: Permit,
    mut connection: Pin<Box<impl GracefulConnection<Error: ToString>>>,
) -> Result<(), String> {
    let mut is_finishing = false;
    poll_fn(|cx| {
        match permit.activity.order(cx) {
            Order::Serve => {}
            Order::Finish if is_finishing => {}
            Order::Finish => {
                is_finishing = true;
                connection.as_mut().graceful_shutdown();
            }
            Order::Cut => return Poll::Ready(Err("too slow, or others needed the room".to_owned())),
        }
        connection.as_mut().poll(cx).map_err(|error| error.to_string())
    })
    .await
}
