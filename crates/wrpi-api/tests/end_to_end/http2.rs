//! HTTP/2, as a browser speaks it over TLS.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use h2::client::{ResponseFuture, SendRequest};
use h2::{Error, Reason, RecvStream};
use http::{Request, Response, StatusCode};
use hyper::body::Bytes;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::version::TLS13;
use wrpi_test::{basic, eventually};

use crate::api::{BODY, VALUE};
use crate::https::{HOST, Https};
use crate::stream::event;

/// A connection, and what to send on it.
#[derive(Clone)]
struct Client {
    requests: SendRequest<Bytes>,
    credentials: String,
}

impl Client {
    async fn connect(https: &Https) -> Self {
        let connector = TlsConnector::from(Arc::new(https.client(&[&TLS13], &["h2"])));
        let tcp = TcpStream::connect(&https.address).await.unwrap();
        let tls = connector.connect(HOST.try_into().unwrap(), tcp).await.unwrap();
        // Opens no stream before the server's SETTINGS say how many it accepts at once.
        let client = h2::client::Builder::new().initial_max_send_streams(0).handshake(tls);
        let (requests, connection) = client.await.unwrap();
        tokio::spawn(connection);
        Self { requests, credentials: basic(&format!("any:{}", https.api.password)) }
    }

    /// Sends GET `path`; fails when the server takes no more.
    async fn send(&self, path: &str, padding: usize) -> Result<ResponseFuture, Error> {
        let request = Request::get(format!("https://{HOST}{path}"))
            .header("authorization", &self.credentials)
            .header("x-padding", "x".repeat(padding));
        let mut requests = self.requests.clone().ready().await?;
        Ok(requests.send_request(request.body(()).unwrap(), true)?.0)
    }

    /// The answer to a GET of the reading; `None` where the server says by GOAWAY that it does not take it (RFC 9113,
    /// section 6.8), so that a client may ask another.
    async fn get_unless_told_to_go(&self) -> Option<Response<RecvStream>> {
        let answer = async { self.send("/v0/wrpi", 0).await?.await };
        match answer.await {
            Ok(answer) => Some(answer),
            Err(error) => {
                assert!(error.is_go_away() && error.reason() == Some(Reason::NO_ERROR), "{error:?}");
                None
            }
        }
    }

    async fn get(&self, path: &str) -> Response<RecvStream> {
        self.send(path, 0).await.unwrap().await.unwrap()
    }
}

/// What is left of a body.
async fn text(mut body: RecvStream) -> String {
    let mut text = Vec::new();
    while let Some(bytes) = body.data().await {
        text.extend(bytes.unwrap());
    }
    String::from_utf8(text).unwrap()
}

#[test]
fn many_requests_at_once_are_answered_on_one_connection() {
    let https = Https::start(&[]);
    Runtime::new().unwrap().block_on(async {
        let client = Client::connect(&https).await;
        let mut requests = JoinSet::new();
        for _ in 0..200 {
            let client = client.clone();
            requests.spawn(async move { client.get("/v0/wrpi").await });
        }
        while let Some(answer) = requests.join_next().await {
            let answer = answer.unwrap();
            assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000");
            assert_eq!((answer.status(), text(answer.into_body()).await.as_str()), (StatusCode::OK, BODY));
        }
        assert_eq!(client.get("/nowhere").await.status(), StatusCode::NOT_FOUND);
        assert_eq!(client.send("/v0/wrpi", 17 * 1024).await.unwrap().await.unwrap().status().as_u16(), 431);
    });
    assert_eq!(https.api.metric(r#"http_requests_total{method="GET",route="/v0/wrpi",status="200"}"#), "200");
}

#[test]
fn readings_are_streamed() {
    let https = Https::start(&[]);
    Runtime::new().unwrap().block_on(async {
        let client = Client::connect(&https).await;
        let mut events = client.get("/v0/wrpi/stream").await.into_body();
        assert_eq!(events.data().await.unwrap().unwrap(), event(VALUE));
        https.api.service.terminate();
        assert_eq!(text(events).await, "", "the end, in order");
    });
}

#[test]
fn no_request_is_lost_when_it_stops_under_load() {
    let mut https = Https::start(&[("RUST_LOG", "wrpi_api=debug")]);
    let answered = Arc::<AtomicUsize>::default();
    Runtime::new().unwrap().block_on(async {
        let mut loads = JoinSet::new();
        for _ in 0..4 {
            let client = Client::connect(&https).await;
            for _ in 0..4 {
                let (client, answered) = (client.clone(), answered.clone());
                loads.spawn(async move {
                    while let Some(answer) = client.get_unless_told_to_go().await {
                        assert_eq!((answer.status(), text(answer.into_body()).await.as_str()), (StatusCode::OK, BODY));
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        }
        tokio::task::block_in_place(|| eventually(|| answered.load(Ordering::Relaxed), |count| *count > 200));
        https.api.service.terminate();
        while let Some(load) = loads.join_next().await {
            load.unwrap();
        }
    });
    assert_eq!(https.api.service.wait().code(), Some(0));
    assert_eq!(https.api.service.count_logged("closing connections that did not end in time"), 0);
    let taken = https.api.service.count_logged("request answered");
    assert_eq!(answered.load(Ordering::Relaxed), taken, "whole answers came to all requests that were taken");
}
