//! The `wrpi-standalone` binary: calculates and serves in one process, for a look at a live WRPI without Redis.

mod calculation;
mod output;
mod page;
mod settings;

use std::env::var_os;
use std::process::ExitCode;

use prometheus::Registry;
use rand::rngs::StdRng;
use settings::Settings;
use tokio::sync::watch;
use wrpi_api::{AppState, Listeners, serve};
use wrpi_core::{Tasks, cli, shutdown};

#[tokio::main]
async fn main() -> ExitCode {
    cli::exit_code(run().await)
}

async fn run() -> anyhow::Result<()> {
    let shutdown = shutdown::signal()?;
    cli::parse(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_DESCRIPTION"), env!("CARGO_PKG_VERSION"), &Settings::sections());
    let mut random: StdRng = rand::make_rng();
    let settings = cli::settings_or_exit(Settings::from_lookup(&|name| var_os(name), &mut random));
    settings.telemetry.init();
    let (sender, readings) = watch::channel(None);
    let mut tasks = Tasks::default();
    tasks.spawn("calculation", calculation::repeat(settings.interval, random, sender));
    let listeners = Listeners::bind(&settings.http)?;
    let url = settings::url(&listeners)?;
    output::print_line(&format!("curl -u {} {url}/v0/wrpi", settings.curl_user));
    let state = AppState::new(settings.passwords, settings.access, readings, Registry::new())?;
    tokio::select! {
        served = serve(listeners, state, settings.http, tasks, shutdown) => served,
        failed = page::serve(settings.page, &url) => failed,
    }
}
