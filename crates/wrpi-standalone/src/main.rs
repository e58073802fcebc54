//! The `wrpi-standalone` binary: calculates and serves in one process, to try a live WRPI without Redis.

mod calculation;
mod output;
mod page;
mod settings;

use std::env::{args_os, var_os};
use std::process::ExitCode;

use settings::Settings;
use tokio::sync::watch;
use wrpi_api::{AppState, Listeners, serve};
use wrpi_core::{Tasks, cli, runtime, shutdown, telemetry};

fn main() -> ExitCode {
    runtime::block_on(&|name| var_os(name), start())
}

async fn start() -> ExitCode {
    let shutdown = shutdown::signal();
    cli!(None).command_or_exit(args_os().skip(1), Settings::describe);
    let settings = cli::settings_or_exit(Settings::from_lookup(&|name| var_os(name), &mut rand::rng()));
    let log = settings.telemetry.init();
    let outcome = run(settings, &log, shutdown).await;
    log.end(outcome)
}

async fn run(settings: Settings, log: &telemetry::Log, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
    let (sender, readings) = watch::channel(None);
    let mut tasks = Tasks::default();
    tasks.spawn("calculation", calculation::repeat(settings.interval, rand::make_rng::<rand::rngs::StdRng>(), sender));
    let listeners = Listeners::bind(&settings.http)?;
    let (scheme, api) = output::print_command(&settings.curl_user, &listeners)?;
    let state = AppState::new(settings.passwords, settings.access, readings, log.registry()?)?;
    tokio::select! {
        served = serve(listeners, state, settings.http, tasks, shutdown) => served,
        failed = page::serve(settings.page, scheme, api) => failed,
    }
}
