//! The `updater` binary: calculates one reading, or one per interval.

use std::env::{args_os, var_os};
use std::process::ExitCode;

use updater::{Settings, Updater};
use wrpi_core::cli::{Cli, Command};
use wrpi_core::{cli, runtime, shutdown};

const HEALTHCHECK: &str = "Log in to Redis and ping it; exit with 0 if it answers, else with 1";
const CLI: Cli = cli!(Some(HEALTHCHECK));

fn main() -> ExitCode {
    runtime::block_on_one_thread(start())
}

async fn start() -> ExitCode {
    let shutdown = shutdown::signal();
    let command = CLI.command_or_exit(args_os().skip(1), Settings::describe);
    let settings = cli::settings_or_exit(Settings::from_lookup(&|name| var_os(name)));
    let log = settings.telemetry.init();
    log.end(run(command, settings, shutdown).await)
}

async fn run(command: Command, settings: Settings, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
    let mut updater = Updater::new(settings.store, rand::rng());
    if command == Command::Healthcheck {
        return updater.check(settings.deadline).await;
    }
    match settings.interval {
        Some(period) => updater.run_every(period, settings.deadline, shutdown).await,
        None => tokio::select! {
            () = shutdown => anyhow::bail!("stopped before a reading was stored"),
            result = updater.run_once(settings.deadline) => drop(result?),
        },
    }
    Ok(())
}
