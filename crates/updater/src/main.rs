//! The `updater` binary: one calculation, or one per interval.

use std::env::var_os;
use std::process::ExitCode;

use updater::Settings;
use wrpi_core::{cli, shutdown};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    cli::exit_code(run().await)
}

async fn run() -> anyhow::Result<()> {
    cli::parse(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_DESCRIPTION"), env!("CARGO_PKG_VERSION"), &Settings::sections());
    let settings = cli::settings_or_exit(Settings::from_lookup(&|name| var_os(name)));
    settings.telemetry.init();

    let shutdown = shutdown::signal()?;
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
