//! The `wrpi-standalone` binary: calculates and serves in one process, to try a live WRPI without Redis.

mod calculation;
mod output;
mod page;
mod settings;

use std::env::{args_os, var_os};
use std::process::ExitCode;

use rand::rngs::StdRng;
use settings::Settings;
use tokio::sync::watch;
use wrpi_api::{AppState, Listeners, serve};
use wrpi_core::{Tasks, cli, shutdown, telemetry};

#[tokio::main]
async fn main() -> ExitCode {
    let shutdown = shutdown::signal();
    cli!(None).command_or_exit(args_os().skip(1), Settings::describe);
    let settings = cli::settings_or_exit(Settings::from_lookup(&|name| var_os(name), &mut rand::rng()));
    let log = settings.telemetry.init();
    let outcome = run(settings, &log, shutdown).await;
    log.end(outcome)
}

async fn run(settings: Settings, log: &telemetry::Log, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
    let registry = log.registry()?;
    let (sender, readings) = watch::channel(None);
    let mut tasks = Tasks::default();
    tasks.spawn("calculation", calculation::repeat(settings.interval, rand::make_rng::<StdRng>(), sender));
    let listeners = Listeners::bind(&settings.http)?;
    let url = settings::url(&listeners)?;
    output::print_line(&format!("curl -u {} {url}/v0/wrpi", settings.curl_user));
    let state = AppState::new(settings.passwords, settings.access, readings, registry)?;
    tokio::select! {
        served = serve(listeners, state, settings.http, tasks, shutdown) => served,
        failed = page::serve(settings.page, &url) => failed,
    }
}
