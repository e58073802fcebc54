//! The `wrpi-api` binary: serves the reading in Redis.

use std::env::{args_os, var_os};
use std::process::ExitCode;

use tokio::sync::watch;
use wrpi_api::{AppState, Listeners, Settings, healthcheck, serve};
use wrpi_core::cli::{Cli, Command};
use wrpi_core::{Tasks, cli, feed, runtime, shutdown, telemetry};

const CLI: Cli = cli!(Some(healthcheck::ABOUT));

fn main() -> ExitCode {
    runtime::block_on(&|name| var_os(name), start())
}

async fn start() -> ExitCode {
    let shutdown = shutdown::signal();
    if CLI.command_or_exit(args_os().skip(1), Settings::describe) == Command::Healthcheck {
        return healthcheck::run(&|name| var_os(name));
    }
    let settings = cli::settings_or_exit(Settings::from_lookup(&|name| var_os(name)));
    let log = settings.telemetry.init();
    let outcome = run(settings, &log, shutdown).await;
    log.end(outcome)
}

async fn run(settings: Settings, log: &telemetry::Log, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
    let registry = log.registry()?;
    let metrics = feed::Metrics::register(&registry)?;
    let (sender, readings) = watch::channel(None);
    let mut tasks = Tasks::default();
    tasks.spawn("feed", feed::follow(settings.store, settings.heartbeat, metrics, sender));

    let listeners = Listeners::bind(&settings.http)?;
    let state = AppState::new(settings.passwords, settings.access, readings, registry)?;
    serve(listeners, state, settings.http, tasks, shutdown).await
}
