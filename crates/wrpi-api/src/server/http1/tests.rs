//! Connections whose buffers are so small that writes block.

use super::*;

use std::future::ready;
use std::net::Ipv4Addr;
use std::time::SystemTime;

use futures_util::future::Either;
use http::{HeaderMap, Request, Response, Version};
use hyper::body::Incoming;
use prometheus::{IntGauge, Registry};
use tokio::io::{AsyncReadExt, DuplexStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, yield_now};
use tokio_util::sync::CancellationToken;
use wrpi_core::{Reading, Timestamp, Wrpi};
use wrpi_test::PATIENCE;

use crate::metrics::Metrics;
use crate::routes::Body;
use crate::server::places::Places;
use crate::snapshot::Snapshot;
use crate::streams;
use crate::streams::broadcast::Broadcast;
use crate::streams::events::Events;

/// A served connection.
struct Served {
    client: DuplexStream,
    /// Two events as chunks.
    chunks: String,
    /// Ends the stream.
    stopping: CancellationToken,
    server: Arc<Server>,
    serving: JoinHandle<Result<(), BoxError>>,
    /// The events end with it.
    _handler: Handler,
}

fn request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n")
}

/// Serves a client between which and the server `room` bytes fit. `/stream` is a stream of two events.
fn served(room: usize) -> Served {
    let reading = Reading {
        value: Wrpi::from_thousandths(1).unwrap(),
        calculated_at: Timestamp::new(SystemTime::UNIX_EPOCH.into()).unwrap(),
    };
    let snapshot = Snapshot::render(reading, SystemTime::now(), &HeaderMap::new()).unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (event, chunk) = (text(&snapshot.part.event), text(&snapshot.part.chunk));
    // hyper sends the first one.
    let chunks = format!("{:X}\r\n{event}\r\n{chunk}", event.len());
    let latest = watch::Sender::new(Some(Arc::new(snapshot)));
    let stopping = CancellationToken::new();
    let token = stopping.clone();
    let handler: Handler = Arc::new(move |request: Request<Incoming>, connection: &Arc<ConnectionState>| {
        connection.touch(Instant::now());
        let body = if request.uri().path() == "/stream" {
            let open = IntGauge::new("open", "open").unwrap();
            let events = Events::new(latest.subscribe(), None, Duration::from_secs(60), token.clone(), &open);
            let body = streams::body(events, Version::HTTP_11, connection.clone());
            latest.send_modify(|_| {});
            Body::Right(body)
        } else {
            Body::Left("whole".into())
        };
        Either::Left(ready(Ok(Response::new(body))))
    });
    let metrics = Metrics::register(Registry::new(), watch::channel(None).1).unwrap();
    let places = Places::new(1, metrics.connections("public", 1)).unwrap();
    let server = Server::new(places, Duration::from_secs(60), Broadcast::new(1));
    let (client, socket) = tokio::io::duplex(room);
    let connection = Arc::new(ConnectionState::new(Ipv4Addr::LOCALHOST.into()));
    let (context, _handler) = (server.clone(), handler.clone());
    let serving = tokio::spawn(async move { serve(socket, async |_| Ok(()), &connection, handler, &context).await });
    Served { client, chunks, stopping, server, serving, _handler }
}

async fn read_until(receiver: &mut (impl AsyncRead + Unpin), end: &str) -> String {
    let mut received = String::new();
    while !received.ends_with(end) {
        received.push(timeout(PATIENCE, receiver.read_u8()).await.unwrap().unwrap().into());
    }
    received
}

#[tokio::test]
async fn loses_nothing_when_hyper_lets_go_of_a_stream_whose_client_is_slow() {
    for room in [1, 7, 64, 100, 1000] {
        let Served { client, chunks, stopping, serving, _handler, .. } = served(room);
        let (mut receiver, mut sender) = tokio::io::split(client);
        let mut received = String::new();
        let requests = [request("/").repeat(2), request("/stream")].concat();
        let read = async {
            received += &read_until(&mut receiver, &chunks).await;
            stopping.cancel();
            receiver.read_to_string(&mut received).await
        };
        let (sent, read) = tokio::join!(sender.write_all(requests.as_bytes()), read);
        assert!(sent.is_ok() && read.is_ok() && serving.await.is_ok());
        let bodies = received.split("HTTP/1.1 200 OK\r\n").filter_map(|one| one.split_once("\r\n\r\n"));
        let streamed = format!("{chunks}0\r\n\r\n");
        assert_eq!(bodies.map(|(_, body)| body).collect::<Vec<_>>(), ["whole", "whole", &streamed], "{room}");
    }
}

#[tokio::test]
async fn completes_a_stream_that_begins_while_the_server_closes() {
    let Served { mut client, chunks, stopping, server, serving, _handler } = served(7);
    client.write_all(request("/stream").as_bytes()).await.unwrap();
    client.read_exact(&mut [0; 7]).await.unwrap();
    server.closing.cancel();
    yield_now().await;
    read_until(&mut client, &chunks).await;
    stopping.cancel();
    assert_eq!(read_until(&mut client, "0\r\n\r\n").await, "0\r\n\r\n");
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    assert!(serving.await.is_ok());
}
