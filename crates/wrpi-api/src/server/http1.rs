//! HTTP/1.1. `hyper` holds a connection only while it answers requests, because its buffers are most of a connection's
//! memory. Without `hyper`, this module waits for the next request, and writes a stream after its first event.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use hyper::body::Bytes;
use hyper::server::conn::http1::Builder;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::{sleep, timeout};

use super::connection::{BoxError, Ending, Handler, IDLE_CLOSE_TIMEOUT, MAX_HEAD, idle, service};
use super::io::Io;
use crate::connect_info::ConnectInfo;

/// Maximum number of headers in a request. Browsers send far fewer.
const MAX_HEADERS: usize = 64;
/// A connection is at rest after this time without a request. The pause between checks doubles up to [`LONGEST_PAUSE`].
const REST_AFTER: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Why `hyper` has released a connection.
enum Released<T> {
    Ended,
    AtRest(Io<T>),
    Streaming(Io<T>, BoxStream<'static, Bytes>),
}

/// Serves a connection until it ends, is idle, or the server closes.
pub(super) async fn serve<T>(
    stream: T,
    connection: Arc<ConnectInfo>,
    handler: impl Handler,
    ending: &Ending,
) -> Result<(), BoxError>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (began, mut io) = (Instant::now(), Io::new(stream, connection.clone()));
    loop {
        let is_open = tokio::select! {
            biased;
            is_open = poll_fn(|cx| io.poll_readable(cx)) => is_open?,
            () = ending.closing.cancelled() => false,
            () = idle(&connection, began, ending.idle_timeout) => false,
        };
        if !is_open {
            return close(io).await;
        }
        match answer(io, &connection, began, handler.clone(), ending).await? {
            Released::Ended => return Ok(()),
            Released::AtRest(released) => io = released,
            Released::Streaming(io, chunks) => return send(io, chunks, &connection, ending).await,
        }
    }
}

/// Answers requests until the connection ends, rests, or becomes a stream.
async fn answer<T>(
    io: Io<T>,
    connection: &Arc<ConnectInfo>,
    began: Instant,
    handler: impl Handler,
    ending: &Ending,
) -> Result<Released<T>, BoxError>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let before = connection.last_used();
    // header_read_timeout would cost a timer per request, and would not stop a client that does not read.
    let served = Builder::new()
        .half_close(true)
        .header_read_timeout(None)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(io), service(connection.clone(), handler));
    let mut served = Box::new(served);
    let (mut may_rest, mut is_closing, mut is_idle) = (true, false, false);
    loop {
        // If no write is blocked, hyper's buffer is empty. Only then can the rest of a stream follow.
        let released = poll_fn(|cx| match Pin::new(&mut *served).poll(cx) {
            Poll::Ready(ended) => Poll::Ready(ended.map(|()| None)),
            Poll::Pending if connection.is_write_blocked() => Poll::Pending,
            Poll::Pending => connection.take_stream().map_or(Poll::Pending, |chunks| Poll::Ready(Ok(Some(chunks)))),
        });
        tokio::select! {
            biased;
            released = released => return Ok(match released? {
                None => Released::Ended,
                // A request after a stream is not read: the response has announced the end of the connection.
                Some(chunks) => Released::Streaming(served.into_parts().io.into_inner(), chunks),
            }),
            () = ending.closing.cancelled(), if !is_closing => is_closing = true,
            () = idle(connection, began, ending.idle_timeout), if !is_idle => is_idle = true,
            () = rest(connection, before), if may_rest => may_rest = false,
            () = sleep(IDLE_CLOSE_TIMEOUT), if is_idle => return Ok(Released::Ended),
        }
        let has_answered = connection.last_used() != before;
        if (is_closing || is_idle) && !has_answered {
            close(served.into_parts().io.into_inner()).await?;
            return Ok(Released::Ended);
        }
        Pin::new(&mut *served).graceful_shutdown();
        // Between two requests, hyper completes immediately and sends nothing.
        if !is_closing
            && !is_idle
            && let Poll::Ready(ended) = poll_fn(|cx| Poll::Ready(served.poll_without_shutdown(cx))).await
        {
            ended?;
            let parts = served.into_parts();
            let mut io = parts.io.into_inner();
            io.read = parts.read_buf;
            return Ok(Released::AtRest(io));
        }
    }
}

async fn close<T: AsyncRead + AsyncWrite + Unpin>(mut io: Io<T>) -> Result<(), BoxError> {
    Ok(timeout(IDLE_CLOSE_TIMEOUT, io.shutdown()).await??)
}

/// Completes when the connection has been used since `before` and is between two requests. (After a request with an
/// unread body there is no next one: `hyper` closes the connection.)
async fn rest(connection: &ConnectInfo, before: Option<Instant>) {
    let mut pause = REST_AFTER;
    loop {
        sleep(pause).await;
        pause = LONGEST_PAUSE.min(pause * 2);
        let last = connection.last_used();
        let is_quiet = last.is_some_and(|used| used.elapsed() >= REST_AFTER);
        if last != before && is_quiet && !connection.is_write_blocked() {
            return;
        }
    }
}

/// Sends the rest of a response, until it ends or the client has not read for too long.
async fn send<T>(
    mut io: Io<T>,
    mut chunks: BoxStream<'static, Bytes>,
    connection: &ConnectInfo,
    ending: &Ending,
) -> Result<(), BoxError>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let sent = async {
        while let Some(chunk) = chunks.next().await {
            connection.touch(Instant::now());
            io.write_all(&chunk).await?;
            io.flush().await?;
        }
        io.shutdown().await
    };
    tokio::select! {
        biased;
        sent = sent => Ok(sent?),
        () = idle(connection, Instant::now(), ending.idle_timeout) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::convert::Infallible;
    use std::future::{Ready, ready};
    use std::net::Ipv4Addr;

    use axum::body::Body;
    use futures_util::{StreamExt, stream};
    use http::{Request, Response};
    use hyper::body::Incoming;
    use tokio::io::AsyncReadExt;
    use tokio_util::sync::CancellationToken;

    /// `/stream` hands all but the first part of its body to the server.
    fn handle(request: Request<Incoming>, connection: &Arc<ConnectInfo>) -> Ready<Result<Response<Body>, Infallible>> {
        connection.touch(Instant::now());
        if request.uri().path() != "/stream" {
            return ready(Ok(Response::new(Body::from("whole"))));
        }
        let connection = connection.clone();
        let first = stream::iter([Ok::<_, Infallible>("first")]);
        let rest = stream::poll_fn(move |_| {
            let chunks = ["6\r\nsecond\r\n", "0\r\n\r\n"].map(|chunk| Bytes::from_static(chunk.as_bytes()));
            connection.set_stream(stream::iter(chunks).boxed());
            Poll::Pending
        });
        ready(Ok(Response::new(Body::from_stream(first.chain(rest)))))
    }

    #[tokio::test]
    async fn loses_nothing_when_hyper_lets_go_of_a_connection_whose_client_is_slow() {
        const ENDS: [&str; 4] = ["whole", "whole", "whole", "5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n"];
        let request = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
        // The buffers are so small that writes block.
        for room in [1, 7, 64, 100, 1000] {
            let (client, server) = tokio::io::duplex(room);
            let connection = Arc::new(ConnectInfo::new(Ipv4Addr::LOCALHOST.into()));
            let ending = Ending { idle_timeout: Duration::from_secs(60), closing: CancellationToken::new() };
            let serving = tokio::spawn(async move { serve(server, connection, handle, &ending).await });
            let (mut receiver, mut sender) = tokio::io::split(client);
            let mut received = Vec::new();
            sender.write_all(request("/").as_bytes()).await.unwrap();
            // A connection whose write is blocked is not at rest, however long.
            sleep(3 * REST_AFTER).await;
            while !received.ends_with(b"whole") {
                received.push(receiver.read_u8().await.unwrap());
            }
            let requests = [request("/").repeat(2), request("/stream")].concat();
            let (sent, read) = tokio::join!(sender.write_all(requests.as_bytes()), receiver.read_to_end(&mut received));
            assert!(sent.is_ok() && read.is_ok() && serving.await.is_ok());
            let received = String::from_utf8(received).unwrap();
            let bodies = received.split("HTTP/1.1 200 OK\r\n").filter_map(|one| one.split_once("\r\n\r\n"));
            assert_eq!(bodies.map(|(_, body)| body).collect::<Vec<_>>(), ENDS, "{room}");
        }
    }

    #[tokio::test]
    async fn completes_a_stream_that_begins_while_the_server_closes() {
        let (mut client, server) = tokio::io::duplex(7);
        let connection = Arc::new(ConnectInfo::new(Ipv4Addr::LOCALHOST.into()));
        let closing = CancellationToken::new();
        let ending = Ending { idle_timeout: Duration::from_secs(60), closing: closing.clone() };
        let serving = tokio::spawn(async move { serve(server, connection, handle, &ending).await });
        client.write_all(b"GET /stream HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
        let mut received = [0; 7];
        client.read_exact(&mut received).await.unwrap();
        closing.cancel();
        sleep(REST_AFTER).await;
        let mut received = String::new();
        client.read_to_string(&mut received).await.unwrap();
        assert!(received.ends_with("5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n"), "{received}");
        assert!(serving.await.is_ok());
    }
}
