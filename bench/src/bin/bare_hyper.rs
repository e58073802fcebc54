//! The baseline: the cost of the HTTP library alone. It sends the same response to every request, without timeouts and
//! without inspecting the request.
//!
//! Usage: `bare_hyper ADDRESS BODY [NAME VALUE]…`. NAME and VALUE are response headers.

use std::convert::Infallible;

use anyhow::{Context, Result};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().context("ADDRESS is missing")?;
    let body = Bytes::from(arguments.next().context("BODY is missing")?);
    let mut headers = HeaderMap::new();
    while let Some(name) = arguments.next() {
        // A static value is the cheapest to clone.
        let value = arguments.next().context("a VALUE is missing")?.leak();
        headers.append(HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_static(value));
    }
    let listener = TcpListener::bind(&address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (body, headers) = (body.clone(), headers.clone());
        let service = service_fn(move |_request| {
            let mut answer = Response::new(Full::new(body.clone()));
            *answer.headers_mut() = headers.clone();
            async { Ok::<_, Infallible>(answer) }
        });
        let connection =
            http1::Builder::new().header_read_timeout(None).serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection);
    }
}
