//! What the page needs: a Redis, the API, and an origin.

use std::time::SystemTime;

use tokio::net::TcpListener;
use wrpi_core::Timestamp;
use wrpi_test::{Api, Redis, eventually};

use crate::router::router;

/// A running system.
pub(crate) struct System {
    pub(crate) redis: Redis,
    pub(crate) api: Api,
    /// The origin of the page, which the API allows.
    pub(crate) page: String,
}

impl System {
    /// Starts everything. `more` are further variables of the API.
    pub(crate) async fn start(more: &[(&str, &str)]) -> Self {
        let (listener, page) = bind().await;
        let redis = Redis::start();
        let api = Api::follow(&redis, &[&[("CORS_ALLOWED_ORIGINS", page.as_str())], more].concat());
        serve(listener, api.port());
        Self { redis, api, page }
    }

    /// Stops the API as an orchestrator does.
    pub(crate) fn stop_api(&mut self) {
        self.api.service.terminate();
        assert!(self.api.service.wait().success());
    }

    /// Serves the same page on another origin, which the API does not allow by default. It calls the API at `port`.
    pub(crate) async fn another_page(&self, port: u16) -> String {
        let (listener, page) = bind().await;
        serve(listener, port);
        page
    }

    /// Writes a value that was calculated now, as the updater does.
    pub(crate) fn write(&self, value: &str) {
        self.redis.write(value, &Timestamp::new(SystemTime::now().into()).unwrap().to_string());
    }

    /// Waits until a metric of the API has the value `wanted`. A missing metric counts as 0.
    pub(crate) fn counts(&self, metric: &str, wanted: &str) {
        let count = || {
            let metrics = self.api.metrics();
            let line = metrics.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' ')).map(str::to_owned);
            line.unwrap_or_else(|| "0".to_owned())
        };
        eventually(count, |count| count == wanted);
    }
}

/// A listener for a page, and the page's origin.
async fn bind() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    (listener, origin)
}

/// Serves the page, which calls the API at `port`.
fn serve(listener: TcpListener, port: u16) {
    let router = router("http", ([127, 0, 0, 1], port).into());
    tokio::spawn(async move { axum::serve(listener, router).await });
}
