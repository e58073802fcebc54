//! The `updater` binary: calculates one reading, or one per interval.

use std::env::{args_os, var_os};
use std::process::ExitCode;

use updater::Settings;
use wrpi_core::cli::{Cli, Command};
use wrpi_core::store::Store;
use wrpi_core::{cli, shutdown};

const HEALTHCHECK: &str = "Log in to Redis and ping it; exit with 0 if it answers, else with 1";
const CLI: Cli = cli!(Some(HEALTHCHECK));

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let shutdown = shutdown::signal();
    let command = CLI.command_or_exit(args_os().skip(1), Settings::describe);
    let settings = cli::settings_or_exit(Settings::from_lookup(&|name| var_os(name)));
    let log = settings.telemetry.init();
    log.end(run(command, settings, shutdown).await)
}

async fn run(command: Command, settings: Settings, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
    if command == Command::Healthcheck {
        return Ok(Store::connect(&settings.store).await?.ping().await?);
    }
    let random = &mut rand::rng();
    match settings.interval {
        Some(period) => updater::run_every(period, &settings.store, random, settings.deadline, shutdown).await,
        None => tokio::select! {
            () = shutdown => anyhow::bail!("stopped before a reading was stored"),
            result = updater::run_once(&settings.store, random, settings.deadline) => drop(result?),
        },
    }
    Ok(())
}
