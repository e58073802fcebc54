//! The system under test: a Redis with a reading, and API processes that follow it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use chrono::{DateTime, TimeDelta, Utc};
use wrpi_core::settings;
use wrpi_core::store;
use wrpi_core::{Reading, Timestamp, Wrpi};
use wrpi_test::{Redis, basic, random_password};

use crate::machine::Cores;
use crate::process::{Server, eventually, free_port};
use crate::target::Target;

const INDEX: &str = "/v0/wrpi";
const STREAM: &str = "/v0/wrpi/stream";

/// A Redis that holds a reading, and the password of every server.
#[derive(Debug)]
pub(crate) struct System {
    pub(crate) cores: Cores,
    pub(crate) redis: Redis,
    pub(crate) password: String,
}

/// An API process.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) server: Server,
    pub(crate) port: u16,
}

impl System {
    /// Starts Redis on the servers' core and writes the first reading.
    pub(crate) fn start(cores: Cores) -> Result<Self> {
        let redis = Cores::pinned(cores.server, || Ok(Redis::start()))?;
        let system = Self { cores, redis, password: random_password() };
        system.write_first();
        Ok(system)
    }

    /// Writes the reading that all servers start with.
    pub(crate) fn write_first(&self) {
        self.redis.write("64.078", "2026-11-24T02:14:24+0000");
    }

    /// A command that runs an API with everything that it offers, and its port. `wrapper` runs it, if given.
    pub(crate) fn api_command(&self, wrapper: &[String]) -> Result<(Command, u16)> {
        let port = free_port()?;
        let mut command = command("wrpi-api", wrapper)?;
        command
            .envs(self.redis.environment())
            .env("APP_PASSWORD", &self.password)
            .env("LISTEN_ADDR", format!("127.0.0.1:{port}"))
            .env("ADMIN_ADDR", "127.0.0.1:0")
            // So that every command that Redis counts has another cause.
            .env("REDIS_HEARTBEAT", "60m")
            .env("MAX_CONNECTIONS", "20000")
            // Until its first reading it answers 503, and warns.
            .env("RUST_LOG", "error");
        Ok((command, port))
    }

    /// Starts an API and waits until it serves the first reading.
    pub(crate) fn api(&self) -> Result<Api> {
        let (mut command, port) = self.api_command(&[])?;
        let api = Api { server: Server::spawn(&mut command)?, port };
        let target = self.target("wrpi-api", port, vec![api.server.id()]);
        eventually(|| target.check())?;
        Ok(api)
    }

    /// Where Redis is.
    pub(crate) fn store(&self) -> Result<store::Settings> {
        let environment = self.redis.environment();
        let value = |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        let lookup = |name: &str| -> Option<OsString> { value(name) };
        Ok(settings::load(&lookup, |reader| Some(store::Settings::read(reader, 0)))?)
    }

    /// The usual request to a server with the contract of the API.
    pub(crate) fn target(&self, name: &'static str, port: u16, processes: Vec<u32>) -> Target {
        let headers = vec![("Authorization", basic(&format!("any:{}", self.password)))];
        Target { name, processes, port, path: INDEX, headers, status: 200, body: BODY.to_owned() }
    }

    /// The request that opens a stream.
    pub(crate) fn stream_of(&self, api: &Api) -> Target {
        Target { path: STREAM, ..self.target("a stream", api.port, Vec::new()) }
    }
}

/// The first reading, as it is served.
pub(crate) const BODY: &str = r#"{"latest_value":64.078,"latest_calculation_at":"2026-11-24T02:14:24+0000"}"#;

/// The reading number `number`: each has a value and a second of its own, so that it is new in both.
pub(crate) fn reading(number: u32) -> Result<Reading> {
    let first: DateTime<Utc> = "2026-11-24T02:14:24Z".parse()?;
    let value = Wrpi::from_thousandths((64_078 + number) % 100_001).context("0 to 100 is a WRPI")?;
    let calculated_at = Timestamp::new(first + TimeDelta::seconds(number.into())).context("a time")?;
    Ok(Reading { value, calculated_at })
}

/// A command that runs a binary that was built beside this one; `wrapper` runs it, if given.
pub(crate) fn command(name: &str, wrapper: &[String]) -> Result<Command> {
    let binary = binary(name)?;
    Ok(match wrapper {
        [] => Command::new(binary),
        [program, arguments @ ..] => {
            let mut command = Command::new(program);
            command.args(arguments).arg(binary);
            command
        }
    })
}

/// A binary that was built beside this one.
pub(crate) fn binary(name: &str) -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    path.exists().then_some(&path).with_context(|| format!("{} is not built", path.display()))?;
    Ok(path)
}
