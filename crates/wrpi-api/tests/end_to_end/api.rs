//! A running API, and the Redis it follows.

use wrpi_test::{Redis, Response, Service, basic, eventually, get, random_password, send};

pub(crate) const VALUE: &str = "69.420";
/// As the Python updater writes it.
pub(crate) const TIMESTAMP: &str = "2021-02-20T18:06:47.786604";
/// What the API makes of both.
pub(crate) const BODY: &str = r#"{"latest_value":69.420,"latest_calculation_at":"2021-02-20T18:06:47+0000"}"#;

/// The binary, started with variables of its own.
pub(crate) struct Api {
    pub(crate) address: String,
    pub(crate) admin: String,
    pub(crate) password: String,
    pub(crate) service: Service,
}

impl Api {
    /// An API that follows `redis`, with further variables, which overrule these.
    pub(crate) fn follow(redis: &Redis, more: &[(&str, &str)]) -> Self {
        let mut environment = redis.environment();
        environment.extend([
            ("APP_PASSWORD", random_password()),
            ("LISTEN_ADDR", "127.0.0.1:0".into()),
            ("ADMIN_ADDR", "127.0.0.1:0".into()),
        ]);
        environment.extend(more.iter().map(|&(name, value)| (name, value.to_owned())));
        let password = environment.iter().rfind(|(name, _)| *name == "APP_PASSWORD").unwrap().1.clone();
        let mut service = Service::spawn(env!("CARGO_BIN_EXE_wrpi-api"), environment);
        let (address, admin) = (service.address("public"), service.address("admin"));
        Self { address, admin, password, service }
    }

    /// A Redis that holds [`VALUE`] and [`TIMESTAMP`], and an API that serves [`BODY`].
    pub(crate) fn start(more: &[(&str, &str)]) -> (Self, Redis) {
        let redis = Redis::start();
        redis.write(VALUE, TIMESTAMP);
        let api = Self::follow(&redis, more);
        api.serves(BODY);
        (api, redis)
    }

    /// GET with the right password.
    pub(crate) fn get(&self) -> Response {
        get(&self.address, "/v0/wrpi", &self.password)
    }

    /// A request with the right password and further headers.
    pub(crate) fn send(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Response {
        let credentials = basic(&format!("any:{}", self.password));
        send(&self.address, method, target, &[&[("Authorization", credentials.as_str())], headers].concat())
    }

    /// Waits until the API serves `body`.
    pub(crate) fn serves(&self, body: &str) {
        eventually(|| self.get().body, |served| served == body);
    }

    /// Waits until the API has a reading.
    pub(crate) fn becomes_ready(&self) {
        eventually(|| send(&self.admin, "GET", "/readyz", &[]).status, |status| *status == 200);
    }

    /// Waits until the API serves this value.
    pub(crate) fn serves_value(&self, value: &str) {
        eventually(|| self.get().body, |served| served.contains(&format!(r#""latest_value":{value},"#)));
    }

    /// All metrics, from the admin listener.
    pub(crate) fn metrics(&self) -> String {
        send(&self.admin, "GET", "/metrics", &[]).body
    }

    /// The value of a metric.
    pub(crate) fn metric(&self, name: &str) -> String {
        let metrics = self.metrics();
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {metrics}")).to_owned()
    }
}
