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

/// The host name in the servers' certificate.
pub(crate) const HOST: &str = "wrpi.example";
const INDEX: &str = "/v0/wrpi";
pub(crate) const STREAM: &str = "/v0/wrpi/stream";

/// A Redis that holds a reading, and the password and certificate (ECDSA P-256) that all servers use.
#[derive(Debug)]
pub(crate) struct System {
    pub(crate) cores: Cores,
    pub(crate) redis: Redis,
    pub(crate) password: String,
    pub(crate) authority: Authority,
    /// The directory of the servers' files.
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

    /// The path of one of the servers' files.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes the first reading, with which all servers start.
    pub(crate) fn write_first(&self) {
        self.redis.write("64.078", "2026-11-24T02:14:24+0000");
    }

    /// Starts an API with the variables in `more`, and waits until it listens. `wrapper` is a command that runs it, or
    /// empty.
    pub(crate) fn spawn_api(&self, wrapper: &[&str], more: &[(&str, &str)]) -> Api {
        let variables = [
            ("APP_PASSWORD", &*self.password),
            // Longer than any run, so heartbeats do not affect the counts.
            ("REDIS_HEARTBEAT", "60m"),
            ("MAX_CONNECTIONS", "20000"),
        ];
        Api::wrapped(wrapper, &self.redis, &[&variables, more].concat())
    }

    /// Starts an API with all features, and waits until it serves the first reading.
    pub(crate) fn api(&self) -> Result<Api> {
        let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| self.file(name).display().to_string());
        let files = [("TLS_CERT_FILE", &*certificate), ("TLS_KEY_FILE", &key)];
        let tls = [("TLS_LISTEN_ADDR", "127.0.0.1:0"), ("PLAIN_HTTP", "serve")];
        let api = self.spawn_api(&[], &[files, tls].concat());
        api.becomes_ready();
        self.target("wrpi-api", api.port(), Vec::new()).check()?;
        Ok(api)
    }

    /// The settings for a connection to Redis.
    pub(crate) fn store(&self) -> store::Settings {
        let (host, port) = ("127.0.0.1".to_owned(), self.redis.port());
        store::Settings { host, port, db: 0, user: None, password: None, tls: store::Tls::Off }
    }

    /// A value from the `INFO` of Redis.
    pub(crate) fn redis_statistic(&self, name: &str) -> Result<f64> {
        let statistics = self.redis.cli(&["INFO"]);
        let value = statistics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        Ok(value.with_context(|| format!("the INFO of Redis has no {name}"))?.trim().parse()?)
    }

    /// The default request to a server that implements the API's contract.
    pub(crate) fn target(&self, name: &'static str, port: u16, processes: Vec<u32>) -> Target {
        let headers = vec![("Authorization", basic(&format!("any:{}", self.password)))];
        Target { name, processes, port, path: INDEX, headers, status: 200, body: BODY.to_owned() }
    }

    /// The request that opens a stream.
    pub(crate) fn stream_of(&self, api: &Api) -> Target {
        Target { path: STREAM, ..self.target("a stream", api.port(), vec![api.service.id()]) }
    }
}

/// The body with which servers serve the first reading.
pub(crate) const BODY: &str = r#"{"latest_value":64.078,"latest_calculation_at":"2026-11-24T02:14:24+0000"}"#;

/// Reading number `number`, where 0 is the first. Each differs from all others in value and in time.
pub(crate) fn reading(number: u32) -> Result<Reading> {
    let first: DateTime<Utc> = "2026-11-24T02:14:24Z".parse()?;
    let value = Wrpi::from_thousandths((64_078 + number) % 100_001).context("the value is not from 0 to 100")?;
    let calculated_at =
        Timestamp::new(first + TimeDelta::seconds(number.into())).context("the time is out of range")?;
    Ok(Reading { value, calculated_at })
}

/// The body with which servers serve reading number `number`.
pub(crate) fn body(number: u32) -> Result<String> {
    let Reading { value, calculated_at } = reading(number)?;
    Ok(format!(r#"{{"latest_value":{value},"latest_calculation_at":"{calculated_at}"}}"#))
}
