//! Connections whose buffers are so small that writes block.

use super::*;

use std::convert::Infallible;
use std::future::ready;
use std::net::Ipv4Addr;
use std::time::SystemTime;

use axum::body::Body;
use futures_util::StreamExt;
use futures_util::stream::{iter, poll_fn};
use http::{HeaderMap, Request, Response};
use hyper::body::Incoming;
use prometheus::IntGauge;
use tokio::io::{AsyncReadExt, DuplexStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wrpi_core::{Reading, Timestamp, Wrpi};

use crate::events::Events;
use crate::server::broadcast::Broadcast;
use crate::snapshot::Snapshot;

/// A served connection.
struct Served {
    client: DuplexStream,
    /// The second event as a chunk.
    second: String,
    /// Ends the stream.
    stopping: CancellationToken,
    closing: CancellationToken,
    serving: JoinHandle<Result<(), BoxError>>,
}

/// Serves a client between which and the server `room` bytes fit. `/stream` is a stream of two events.
fn served(room: usize) -> Served {
    let reading = Reading {
        value: Wrpi::from_thousandths(1).unwrap(),
        calculated_at: Timestamp::new(SystemTime::UNIX_EPOCH.into()).unwrap(),
    };
    let snapshot = Snapshot::render(reading, SystemTime::now(), &HeaderMap::new()).unwrap();
    let second = String::from_utf8(snapshot.part.chunk.to_vec()).unwrap();
    let latest = watch::Sender::new(Some(Arc::new(snapshot)));
    let (stopping, closing) = (CancellationToken::new(), CancellationToken::new());
    let token = stopping.clone();
    let handler = move |request: Request<Incoming>, connection: &Arc<ConnectInfo>| {
        connection.touch(Instant::now());
        if request.uri().path() != "/stream" {
            return ready(Ok(Response::new(Body::from("whole"))));
        }
        let open = IntGauge::new("open", "open").unwrap();
        let events = Events::new(latest.subscribe(), None, Duration::from_secs(60), token.clone(), &open);
        let (connection, mut rest) = (connection.clone(), Some(Rest { events, is_chunked: true }));
        let rest = poll_fn(move |_| {
            if let Some(rest) = rest.take() {
                connection.set_stream(rest);
            }
            Poll::Pending
        });
        ready(Ok(Response::new(Body::from_stream(iter([Ok::<_, Infallible>("first")]).chain(rest)))))
    };
    let (client, server) = tokio::io::duplex(room);
    let context =
        ServerContext { idle_timeout: Duration::from_secs(60), closing: closing.clone(), broadcast: Broadcast::new(1) };
    let connection = Arc::new(ConnectInfo::new(Ipv4Addr::LOCALHOST.into()));
    let serving = tokio::spawn(async move { serve(server, connection, handler, &context).await });
    Served { client, second, stopping, closing, serving }
}

async fn read_until(receiver: &mut (impl AsyncRead + Unpin), end: &str) -> String {
    let mut received = String::new();
    while !received.ends_with(end) {
        received.push(receiver.read_u8().await.unwrap().into());
    }
    received
}

#[tokio::test]
async fn loses_nothing_when_hyper_lets_go_of_a_connection_whose_client_is_slow() {
    let request = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
    // The buffers are so small that writes block.
    for room in [1, 7, 64, 100, 1000] {
        let Served { client, second, stopping, serving, .. } = served(room);
        let (mut receiver, mut sender) = tokio::io::split(client);
        sender.write_all(request("/").as_bytes()).await.unwrap();
        // A connection whose write is blocked is not at rest, however long.
        sleep(3 * REST_AFTER).await;
        let mut received = read_until(&mut receiver, "whole").await;
        let requests = [request("/").repeat(2), request("/stream")].concat();
        let read = async {
            received += &read_until(&mut receiver, &second).await;
            stopping.cancel();
            receiver.read_to_string(&mut received).await
        };
        let (sent, read) = tokio::join!(sender.write_all(requests.as_bytes()), read);
        assert!(sent.is_ok() && read.is_ok() && serving.await.is_ok());
        let bodies = received.split("HTTP/1.1 200 OK\r\n").filter_map(|one| one.split_once("\r\n\r\n"));
        let streamed = format!("5\r\nfirst\r\n{second}0\r\n\r\n");
        assert_eq!(bodies.map(|(_, body)| body).collect::<Vec<_>>(), ["whole", "whole", "whole", &streamed], "{room}");
    }
}

#[tokio::test]
async fn completes_a_stream_that_begins_while_the_server_closes() {
    let Served { mut client, second, stopping, closing, serving } = served(7);
    client.write_all(b"GET /stream HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
    client.read_exact(&mut [0; 7]).await.unwrap();
    closing.cancel();
    sleep(REST_AFTER).await;
    assert!(read_until(&mut client, &second).await.contains("5\r\nfirst\r\n"));
    stopping.cancel();
    assert_eq!(read_until(&mut client, "0\r\n\r\n").await, "0\r\n\r\n");
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    assert!(serving.await.is_ok());
}
