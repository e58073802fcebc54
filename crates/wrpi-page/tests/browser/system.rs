//! What a page needs: a Redis, the API, and an origin of its own.

use std::net::TcpListener;
use std::path::PathBuf;

use wrpi_test::{Redis, Service, eventually, random_password, send};

pub(crate) const TIMESTAMP: &str = "2021-02-20T18:06:47.786604";

/// A running system.
pub(crate) struct System {
    pub(crate) redis: Redis,
    pub(crate) password: String,
    /// The origin that the page is on, and may call the API from.
    pub(crate) page: String,
    api: String,
    environment: Vec<(&'static str, String)>,
    service: Option<Service>,
}

impl System {
    /// Starts everything; the API has further variables `more`.
    pub(crate) async fn start(more: &[(&'static str, &str)]) -> Self {
        let api = free_address();
        let page = serve_page(&api).await;
        let (redis, password) = (Redis::start(), random_password());
        let mut environment = redis.environment();
        environment.extend([
            ("APP_PASSWORD", password.clone()),
            ("LISTEN_ADDR", api.clone()),
            ("ADMIN_ADDR", "127.0.0.1:0".into()),
            ("CORS_ALLOWED_ORIGINS", page.clone()),
        ]);
        environment.extend(more.iter().map(|&(name, value)| (name, value.to_owned())));
        let mut system = Self { redis, password, page, api, environment, service: None };
        system.start_api();
        system
    }

    /// Starts the API, at the same address each time.
    pub(crate) fn start_api(&mut self) {
        let mut service = Service::spawn(binary().to_str().unwrap(), self.environment.iter().cloned());
        service.address("public");
        self.service = Some(service);
    }

    /// Ends the API as an orchestrator does.
    pub(crate) fn stop_api(&mut self) {
        let mut service = self.service.take().unwrap();
        service.terminate();
        assert!(service.wait().success());
    }

    /// Ends the API as a crash does.
    pub(crate) fn kill_api(&mut self) {
        self.service = None;
    }

    /// Another origin with the same page, which the API does not know.
    pub(crate) async fn another_page(&self) -> String {
        serve_page(&self.api).await
    }

    /// Writes a value, as the updater does.
    pub(crate) fn write(&self, value: &str) {
        self.redis.write(value, TIMESTAMP);
    }

    /// Waits until the API counts `wanted` of a metric; 0 is also none at all.
    pub(crate) fn counts(&mut self, metric: &str, wanted: &str) {
        let admin = self.service.as_mut().unwrap().address("admin");
        let count = || {
            let metrics = send(&admin, "GET", "/metrics", &[]).body;
            let line = metrics.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' ')).map(str::to_owned);
            line.unwrap_or_else(|| "0".to_owned())
        };
        eventually(count, |count| count == wanted);
    }
}

/// Serves the page, which asks the API at `api`; gives its origin.
async fn serve_page(api: &str) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let router = wrpi_page::router(&format!("http://{api}"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    origin
}

/// An address that nobody listens at.
fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// The API's binary, which stands beside the directory of the tests'.
fn binary() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let binary = tests.parent().and_then(|deps| deps.parent()).unwrap().join("wrpi-api");
    assert!(binary.exists(), "no {}: run `make browser-test`, which builds it", binary.display());
    binary
}
