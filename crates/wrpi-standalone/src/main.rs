//! The `wrpi-standalone` binary: calculates and serves in one process, for a look at a live WRPI without Redis.

mod settings;

use std::env::var_os;
use std::time::Duration;

use prometheus::Registry;
use rand::Rng;
use rand::rngs::StdRng;
use tokio::sync::watch;
use tokio::time::interval;
use wrpi_api::{Api, Listeners, serve};
use wrpi_core::{Reading, cli, shutdown};

use settings::Settings;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    cli::command(
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_DESCRIPTION"),
        env!("CARGO_PKG_VERSION"),
        &Settings::sections(),
    )
    .get_matches();
    let mut random: StdRng = rand::make_rng();
    let settings = cli::settings_or_exit(Settings::from_lookup(&|name| var_os(name), &mut random));

    settings.telemetry.init();

    let listeners = Listeners::bind(&settings.http).await?;
    println!("{curl}", curl = settings::curl(&settings.curl_user, listeners.public.local_addr()?));

    let (sender, readings) = watch::channel(None);
    tokio::spawn(calculate_every(settings.interval, random, sender));
    let api = Api::new(settings.password, readings);
    serve(listeners, api, settings.http.allowed_origins, Registry::new(), shutdown::signal()?).await;
    Ok(())
}

async fn calculate_every(period: Duration, mut random: impl Rng, readings: watch::Sender<Option<Reading>>) {
    let mut ticks = interval(period);
    loop {
        ticks.tick().await;
        match updater::calculate(&mut random, std::time::SystemTime::now().into()) {
            Ok(reading) => drop(readings.send_replace(Some(reading))),
            Err(error) => tracing::error!("{error:#}"),
        }
    }
}
