//! The system under test: a Redis with a reading, and API processes that follow it.

use std::fs::write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use chrono::{DateTime, TimeDelta, Utc};
use tempfile::TempDir;
use wrpi_core::{Reading, Timestamp, Wrpi, store};
use wrpi_test::{Api, Authority, Pair, Redis, basic, random_password};

use crate::machine::Cores;
use crate::target::Target;

/// The host that the servers' certificate is for.
pub(crate) const HOST: &str = "wrpi.example";
const INDEX: &str = "/v0/wrpi";
const STREAM: &str = "/v0/wrpi/stream";

/// A Redis that holds a reading, and the password and the certificate (ECDSA, P-256) of every server.
#[derive(Debug)]
pub(crate) struct System {
    pub(crate) cores: Cores,
    pub(crate) redis: Redis,
    pub(crate) password: String,
    pub(crate) authority: Authority,
    /// Of the servers' files.
    pub(crate) directory: TempDir,
}

impl System {
    /// Starts Redis on the servers' core and writes the first reading.
    pub(crate) fn start(cores: Cores) -> Result<Self> {
        let redis = Cores::pinned(cores.server, || Ok(Redis::start()))?;
        let (password, authority) = (random_password(), Authority::new());
        let system = Self { cores, redis, password, authority, directory: TempDir::new()? };
        let Pair { certificate, key } = system.authority.issue(HOST);
        write(system.file("certificate.pem"), certificate)?;
        write(system.file("key.pem"), key)?;
        system.write_first();
        Ok(system)
    }

    /// The path of a file of the servers.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes the reading that all servers start with.
    pub(crate) fn write_first(&self) {
        self.redis.write("64.078", "2026-11-24T02:14:24+0000");
    }

    /// Starts an API with `more` variables, and waits until it listens. `wrapper` runs it, if given.
    pub(crate) fn spawn_api(&self, wrapper: &[&str], more: &[(&str, &str)]) -> Api {
        let variables = [
            ("APP_PASSWORD", &*self.password),
            // So that every command that Redis counts has another cause.
            ("REDIS_HEARTBEAT", "60m"),
            ("MAX_CONNECTIONS", "20000"),
        ];
        Api::wrapped(wrapper, &self.redis, &[&variables, more].concat())
    }

    /// Starts an API with everything that it offers, and waits until it serves the first reading.
    pub(crate) fn api(&self) -> Result<Api> {
        let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| self.file(name).display().to_string());
        let files = [("TLS_CERT_FILE", &*certificate), ("TLS_KEY_FILE", &key)];
        let tls = [("TLS_LISTEN_ADDR", "127.0.0.1:0"), ("PLAIN_HTTP", "serve")];
        let api = self.spawn_api(&[], &[files, tls].concat());
        api.becomes_ready();
        self.target("wrpi-api", api.port(), Vec::new()).check()?;
        Ok(api)
    }

    /// Where Redis is.
    pub(crate) fn store(&self) -> store::Settings {
        let (host, port) = ("127.0.0.1".to_owned(), self.redis.port());
        store::Settings { host, port, db: 0, user: None, password: None, tls: store::Tls::Off }
    }

    /// A figure that Redis keeps of itself.
    pub(crate) fn redis_statistic(&self, name: &str) -> Result<f64> {
        let statistics = self.redis.cli(&["INFO"]);
        let value = statistics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        Ok(value.with_context(|| format!("Redis has no {name}"))?.trim().parse()?)
    }

    /// The usual request to a server with the contract of the API.
    pub(crate) fn target(&self, name: &'static str, port: u16, processes: Vec<u32>) -> Target {
        let headers = vec![("Authorization", basic(&format!("any:{}", self.password)))];
        Target { name, processes, port, path: INDEX, headers, status: 200, body: BODY.to_owned() }
    }

    /// The request that opens a stream.
    pub(crate) fn stream_of(&self, api: &Api) -> Target {
        Target { path: STREAM, ..self.target("a stream", api.port(), Vec::new()) }
    }
}

/// The first reading, as it is served.
pub(crate) const BODY: &str = r#"{"latest_value":64.078,"latest_calculation_at":"2026-11-24T02:14:24+0000"}"#;

/// The reading number `number`: each has a value and a second of its own, so that it is new in both. The first is 0.
pub(crate) fn reading(number: u32) -> Result<Reading> {
    let first: DateTime<Utc> = "2026-11-24T02:14:24Z".parse()?;
    let value = Wrpi::from_thousandths((64_078 + number) % 100_001).context("0 to 100 is a WRPI")?;
    let calculated_at = Timestamp::new(first + TimeDelta::seconds(number.into())).context("a time")?;
    Ok(Reading { value, calculated_at })
}

/// The same, as it is served.
pub(crate) fn body(number: u32) -> Result<String> {
    let Reading { value, calculated_at } = reading(number)?;
    Ok(format!(r#"{{"latest_value":{value},"latest_calculation_at":"{calculated_at}"}}"#))
}
