//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Request, Response};
use hyper::body::{Body, Bytes, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::connect_info::ConnectInfo;

/// How long the TLS handshake and the first request of a connection may take.
const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an idle connection may take to close: it has nothing to send but the GOAWAY of HTTP/2.
const IDLE_CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// The head of a request, in bytes and lines: far more than any browser sends.
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;
/// Concurrent requests on an HTTP/2 connection: a page has one or two, and each may hold memory while its response is
/// not read.
const MAX_STREAMS: u32 = 16;
/// What an HTTP/2 stream may hold of a response that is not read, in bytes.
const MAX_SEND_BUFFER: usize = 4 * 1024;
/// What a client may send of a request's body unread, in bytes: no body is needed.
const STREAM_WINDOW: u32 = 1024;
/// The same for all streams of a connection: the smallest that HTTP/2 allows (RFC 9113, section 6.9.2).
const CONNECTION_WINDOW: u32 = 65_535;
/// How much of a response is encrypted before the connection takes it, in bytes: a TLS record.
const TLS_BUFFER: usize = 4 * 1024;

pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// What ends a connection besides its client.
pub(super) struct Ending {
    /// How long it may be idle.
    pub(super) idle_timeout: Duration,
    /// Cancelled when the server closes.
    pub(super) closing: CancellationToken,
}

/// What answers the requests of a listener: a closure. It notes each on its connection ([`ConnectInfo::touch`]).
pub(super) trait Handler: Clone + Send + Sync + 'static {
    type Body: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static;
    type Future: Future<Output = Result<Response<Self::Body>, Infallible>> + Send + 'static;

    fn handle(&self, request: Request<Incoming>, connection: &Arc<ConnectInfo>) -> Self::Future;
}

impl<H, F, B> Handler for H
where
    H: Fn(Request<Incoming>, &Arc<ConnectInfo>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response<B>, Infallible>> + Send + 'static,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Body = B;
    type Future = F;

    fn handle(&self, request: Request<Incoming>, connection: &Arc<ConnectInfo>) -> F {
        self(request, connection)
    }
}

/// Serves HTTP/1.1 or HTTP/2 over TLS.
pub(super) async fn serve_tls(
    stream: TcpStream,
    tls: TlsAcceptor,
    connection: Arc<ConnectInfo>,
    handler: impl Handler,
    ending: &Ending,
) -> Result<(), BoxError> {
    let handshake = Box::pin(timeout(FIRST_REQUEST_TIMEOUT, tls.accept(stream)));
    let mut stream = tokio::select! {
        stream = handshake => stream??,
        () = ending.closing.cancelled() => return Ok(()),
    };
    stream.get_mut().1.set_buffer_limit(Some(TLS_BUFFER));
    if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
        return serve_http1(stream, connection, handler, ending).await;
    }
    let served = http2::Builder::new(TokioExecutor::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEAD as u32)
        .max_send_buf_size(MAX_SEND_BUFFER)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .serve_connection(TokioIo::new(stream), service(connection.clone(), handler));
    drive(Box::pin(served), &connection, ending).await
}

/// Serves HTTP/1.1.
pub(super) async fn serve_http1(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    connection: Arc<ConnectInfo>,
    handler: impl Handler,
    ending: &Ending,
) -> Result<(), BoxError> {
    // header_read_timeout would cost a timer per request, and does not end HTTP/2 or a client that does not read.
    let served = http1::Builder::new()
        .half_close(true)
        .header_read_timeout(None)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service(connection.clone(), handler));
    drive(Box::pin(served), &connection, ending).await
}

fn service<H: Handler>(
    connection: Arc<ConnectInfo>,
    handler: H,
) -> impl Service<Request<Incoming>, Response = Response<H::Body>, Error = Infallible, Future = H::Future> {
    service_fn(move |request| handler.handle(request, &connection))
}

/// Runs a connection to its end, or until it is idle or the server closes: then it may send what it has begun.
async fn drive<C>(mut served: Pin<Box<C>>, connection: &ConnectInfo, ending: &Ending) -> Result<(), BoxError>
where
    C: GracefulConnection<Error: Into<BoxError>>,
{
    let is_idle = tokio::select! {
        biased;
        ended = served.as_mut() => return ended.map_err(Into::into),
        () = ending.closing.cancelled() => false,
        () = idle(connection, ending.idle_timeout) => true,
    };
    served.as_mut().graceful_shutdown();
    let ended = if is_idle { timeout(IDLE_CLOSE_TIMEOUT, served).await? } else { served.await };
    ended.map_err(Into::into)
}

/// Completes when a connection has not been used for `idle_timeout`, or when its first request is late. One timer serves
/// all requests of a connection: when it fires, it is set again if there was a request meanwhile.
async fn idle(connection: &ConnectInfo, idle_timeout: Duration) {
    sleep(FIRST_REQUEST_TIMEOUT.min(idle_timeout)).await;
    while let Some(end) = connection.last_used().map(|used| used + idle_timeout)
        && end > Instant::now()
    {
        sleep_until(end.into()).await;
    }
}
