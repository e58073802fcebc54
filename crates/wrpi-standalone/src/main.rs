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
use wrpi_api::{Api, Listeners, serve};
use wrpi_core::{cli, shutdown};

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
    tokio::spawn(calculation::repeat(settings.interval, random, sender));
    let listeners = Listeners::bind(&settings.http)?;
    let url = settings::url(&listeners)?;
    output::print_line(&format!("curl -u {} {url}/v0/wrpi", settings.curl_user));
    let registry = Registry::new();
    let api = Api::new(settings.password, settings.access, readings, &registry)?;
    tokio::select! {
        served = serve(listeners, api, settings.http, registry, shutdown) => served,
        failed = page::serve(settings.page, &url) => failed,
    }
}
