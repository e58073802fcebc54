//! The `updater` binary: one calculation, or one per interval.

use std::env::var_os;
use std::process::ExitCode;

use updater::Settings;
use wrpi_core::store::Store;
use wrpi_core::{cli, shutdown};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    cli::exit_code(run().await)
}

async fn run() -> anyhow::Result<()> {
    // First of all: PID 1 of a container ignores a signal for which it has no handler.
    let shutdown = shutdown::signal()?;
    let (name, about, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_DESCRIPTION"), env!("CARGO_PKG_VERSION"));
    let healthcheck = "Log in to Redis and ping it; exit with 0 if it answers, else with 1";
    let is_healthcheck = cli::parse_service(name, about, version, &Settings::sections(), healthcheck);
    let settings = cli::settings_or_exit(Settings::from_lookup(&|name| var_os(name)));
    settings.telemetry.init();
    if is_healthcheck {
        return Ok(Store::connect(&settings.store).await?.ping().await?);
    }
    let random = &mut rand::rng();
    match settings.interval {
        Some(period) => updater::run_every(period, &settings.store, random, settings.deadline, shutdown).await,
        None => {
            tokio::select! {
                () = shutdown => anyhow::bail!("stopped before a reading was stored"),
                result = updater::run_once(&settings.store, random, settings.deadline) => result?,
            };
        }
    }
    Ok(())
}
