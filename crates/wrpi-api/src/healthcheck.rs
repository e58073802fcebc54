//! The subcommand `healthcheck`, for containers: their image has no shell. It asks the running process if it is ready.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use wrpi_core::settings::{self, Lookup};
use wrpi_core::{cli, telemetry};

use crate::settings::admin_address;

/// Its description in `--help`.
pub const ABOUT: &str = "Request /readyz at ADMIN_ADDR; exit with 0 if the API is ready, else with 1";

/// The timeout of each step.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Requests `/readyz`. Succeeds if the API is ready; otherwise logs why and fails. It reads only `ADMIN_ADDR` and the
/// settings of the log; an invalid one ends the process.
pub fn run(lookup: Lookup<'_>) -> ExitCode {
    let settings = settings::load(lookup, |reader| Some((telemetry::Settings::read(reader), admin_address(reader))));
    let (telemetry, address) = cli::settings_or_exit(settings);
    telemetry.init().end(check(reachable(address)))
}

fn check(address: SocketAddr) -> anyhow::Result<()> {
    let answer = ask(address).with_context(|| format!("no answer from {address}"))?;
    let is_ready = answer.starts_with("HTTP/1.0 200 ") || answer.starts_with("HTTP/1.1 200 ");
    anyhow::ensure!(is_ready, "{address} is not ready: {}", answer.lines().last().unwrap_or_default());
    Ok(())
}

fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Replaces an unspecified address, such as `0.0.0.0`, by the loopback address.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}
