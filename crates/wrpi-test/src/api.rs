//! A running API and the Redis that it follows. All tests and instruments start the API here.

use crate::{Connection, Redis, Response, Service, basic, eventually, get, random_password, send};

/// A value as the updater writes it.
pub const VALUE: &str = "69.420";
/// A time as the Python updater writes it.
pub const TIMESTAMP: &str = "2021-02-20T18:06:47.786604";
/// The body with which the API serves [`VALUE`] and [`TIMESTAMP`].
pub const BODY: &str = r#"{"latest_value":69.420,"latest_calculation_at":"2021-02-20T18:06:47+0000"}"#;

/// A process of the binary `wrpi-api` on free ports.
#[derive(Debug)]
pub struct Api {
    /// The process.
    pub service: Service,
    /// The address of the public listener.
    pub address: String,
    /// The address of the admin listener.
    pub admin: String,
    /// The password.
    pub password: String,
    wrapper: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Api {
    /// Starts a Redis that holds [`VALUE`] and [`TIMESTAMP`], and an API that serves [`BODY`]. Variables in `more`
    /// override the defaults.
    pub fn start(more: &[(&str, &str)]) -> (Self, Redis) {
        let redis = Redis::start();
        redis.write(VALUE, TIMESTAMP);
        let api = Self::follow(&redis, more);
        api.serves(BODY);
        (api, redis)
    }

    /// Starts an API that follows `redis`. It listens, but may have no reading yet.
    pub fn follow(redis: &Redis, more: &[(&str, &str)]) -> Self {
        Self::wrapped(&[], redis, more)
    }

    /// Like [`Api::follow`], but started by a command that runs the API, which is its last argument.
    pub fn wrapped(wrapper: &[&str], redis: &Redis, more: &[(&str, &str)]) -> Self {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let mut environment: Vec<_> =
            redis.environment().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        environment.push(("APP_PASSWORD".into(), random_password()));
        environment.extend([("LISTEN_ADDR", "127.0.0.1:0"), ("ADMIN_ADDR", "127.0.0.1:0")].map(owned));
        environment.extend(more.iter().copied().map(owned));
        let password = environment.iter().rfind(|(name, _)| *name == "APP_PASSWORD").unwrap().1.clone();
        let wrapper: Vec<_> = wrapper.iter().map(|&word| word.to_owned()).collect();
        let mut service = spawn(&wrapper, &environment);
        let (address, admin) = (service.address("public"), service.address("admin"));
        environment.extend([("LISTEN_ADDR", &*address), ("ADMIN_ADDR", &admin)].map(owned));
        Self { service, address, admin, password, wrapper, environment }
    }

    /// Starts it again at the same addresses after it has ended, and waits until it listens.
    pub fn restart(&mut self) {
        self.service = spawn(&self.wrapper, &self.environment);
        self.service.address("public");
    }

    /// The port of the public listener.
    pub fn port(&self) -> u16 {
        self.address.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("an address has a port")
    }

    /// The value of `Authorization` with the correct password.
    pub fn credentials(&self) -> String {
        basic(&format!("any:{}", self.password))
    }

    /// Requests the reading with the correct password.
    pub fn get(&self) -> Response {
        get(&self.address, "/v0/wrpi", &self.password)
    }

    /// Sends a request with the correct password and further headers.
    pub fn send(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Response {
        let credentials = self.credentials();
        send(&self.address, method, target, &[&[("Authorization", credentials.as_str())], headers].concat())
    }

    /// Opens a stream of readings, with further headers.
    ///
    /// # Panics
    ///
    /// When the answer is not 200.
    pub fn stream(&self, headers: &[(&str, &str)]) -> Connection {
        let mut connection = Connection::open(&self.address).unwrap();
        let credentials = self.credentials();
        let headers = [&[("Authorization", credentials.as_str())], headers].concat();
        assert_eq!(connection.request("GET", "/v0/wrpi/stream", &headers).unwrap().status, 200);
        connection
    }

    /// Waits until the API serves `body`.
    pub fn serves(&self, body: &str) {
        eventually(|| self.get().body, |served| served == body);
    }

    /// Waits until the API serves this value.
    pub fn serves_value(&self, value: &str) {
        eventually(|| self.get().body, |served| served.contains(&format!(r#""latest_value":{value},"#)));
    }

    /// Waits until the API has a reading.
    pub fn becomes_ready(&self) {
        eventually(|| send(&self.admin, "GET", "/readyz", &[]).status, |status| *status == 200);
    }

    /// All metrics, from the admin listener.
    pub fn metrics(&self) -> String {
        send(&self.admin, "GET", "/metrics", &[]).body
    }

    /// The value of a metric, named with its labels.
    ///
    /// # Panics
    ///
    /// When there is no such sample.
    pub fn metric(&self, name: &str) -> String {
        let metrics = self.metrics();
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {metrics}")).to_owned()
    }
}

fn spawn(wrapper: &[String], environment: &[(String, String)]) -> Service {
    let wrapper: Vec<_> = wrapper.iter().map(String::as_str).collect();
    Service::wrapped(&wrapper, "wrpi-api", &[], environment.iter().cloned())
}
