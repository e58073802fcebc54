//! The `wrpi-api` binary: serves what Redis holds.

use std::env::var_os;
use std::process::ExitCode;

use prometheus::Registry;
use tokio::sync::watch;
use wrpi_api::{AppState, Listeners, Settings, healthcheck, serve};
use wrpi_core::{Tasks, cli, feed, shutdown};

#[tokio::main]
async fn main() -> ExitCode {
    cli::exit_code(run().await)
}

async fn run() -> anyhow::Result<()> {
    let (name, about, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_DESCRIPTION"), env!("CARGO_PKG_VERSION"));
    if cli::parse_service(name, about, version, &Settings::sections(), healthcheck::ABOUT) {
        return healthcheck::run(&|name| var_os(name));
    }
    let settings = cli::settings_or_exit(Settings::from_lookup(&|name| var_os(name)));
    settings.telemetry.init();

    let registry = Registry::new();
    let metrics = feed::Metrics::register(&registry)?;
    let (sender, readings) = watch::channel(None);
    let mut tasks = Tasks::default();
    tasks.spawn("feed", feed::follow(settings.store, settings.heartbeat, metrics, sender));

    let listeners = Listeners::bind(&settings.http)?;
    let state = AppState::new(settings.passwords, settings.access, readings, registry)?;
    serve(listeners, state, settings.http, tasks, shutdown::signal()?).await
}
