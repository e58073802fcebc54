//! A client with HTTP/2, as a browser uses it over TLS.

use std::sync::Arc;

use h2::client::{ResponseFuture, SendRequest};
use h2::{Error, Reason, RecvStream};
use http::{Request, Response};
use hyper::body::Bytes;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::version::TLS13;

use super::https::{HOST, Https};

/// A connection, and the credentials of its requests.
#[derive(Clone)]
pub(crate) struct Client {
    requests: SendRequest<Bytes>,
    credentials: String,
}

impl Client {
    pub(crate) async fn connect(https: &Https) -> Self {
        let connector = TlsConnector::from(Arc::new(https.client(&[&TLS13], &["h2"])));
        let tcp = TcpStream::connect(&https.address).await.unwrap();
        let tls = connector.connect(HOST.try_into().unwrap(), tcp).await.unwrap();
        // Opens no stream before the server's SETTINGS say how many it accepts at once.
        let client = h2::client::Builder::new().initial_max_send_streams(0).handshake(tls);
        let (requests, connection) = client.await.unwrap();
        tokio::spawn(connection);
        Self { requests, credentials: https.api.credentials() }
    }

    /// Sends GET `path` with a header of `padding` bytes; fails when the server accepts no more requests.
    pub(crate) async fn send(&self, path: &str, padding: usize) -> Result<ResponseFuture, Error> {
        self.request("GET", path, padding).await
    }

    /// Like [`Client::send`], with another method.
    pub(crate) async fn request(&self, method: &str, path: &str, padding: usize) -> Result<ResponseFuture, Error> {
        let request = Request::builder()
            .method(method)
            .uri(format!("https://{HOST}{path}"))
            .header("authorization", &self.credentials)
            .header("x-padding", "x".repeat(padding));
        let mut requests = self.requests.clone().ready().await?;
        Ok(requests.send_request(request.body(()).unwrap(), true)?.0)
    }

    pub(crate) async fn get(&self, path: &str) -> Response<RecvStream> {
        self.send(path, 0).await.unwrap().await.unwrap()
    }

    /// The response to a GET of the reading; `None` if the server says by GOAWAY that it does not process the request
    /// (RFC 9113, section 6.8), so that the client may retry it elsewhere.
    pub(crate) async fn get_until_goaway(&self) -> Option<Response<RecvStream>> {
        let response = async { self.send("/v0/wrpi", 0).await?.await };
        match response.await {
            Ok(response) => Some(response),
            Err(error) => {
                assert!(error.is_go_away() && error.reason() == Some(Reason::NO_ERROR), "{error:?}");
                None
            }
        }
    }
}

/// The rest of a body.
pub(crate) async fn text(mut body: RecvStream) -> String {
    let mut text = Vec::new();
    while let Some(bytes) = body.data().await {
        text.extend(bytes.unwrap());
    }
    String::from_utf8(text).unwrap()
}
