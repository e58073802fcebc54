//! What many feeds cost Redis. Each feed has its own connection, like each replica of the API.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use prometheus::Registry;
use tokio::runtime::Builder;
use tokio::sync::watch::{Receiver, channel};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use wrpi_core::Reading;
use wrpi_core::feed::{Metrics, follow};
use wrpi_core::store::{Resolver, Store};
use wrpi_test::{PATIENCE, cpu_time};

use crate::machine::Cores;
use crate::report::{number, table};
use crate::statistics::{median, quantile};
use crate::stream::PAUSE;
use crate::system::{System, reading};

/// The default of `REDIS_HEARTBEAT`.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long to observe Redis without an update: two heartbeats.
const IDLE: Duration = Duration::from_secs(10);

/// The results for one number of feeds.
#[derive(Debug)]
pub(crate) struct Feeds {
    feeds: usize,
    /// CPU time of Redis in milliseconds.
    cpu_per_update: f64,
    /// CPU time of Redis in milliseconds.
    cpu_per_idle_minute: f64,
    /// Bytes that Redis sends per update.
    bytes_per_update: f64,
    /// Bytes of memory that Redis uses for its clients after an update.
    memory: f64,
    /// Milliseconds from each write until the last feed has the reading.
    times: Vec<f64>,
}

/// Runs `feeds` feeds on the load's core and writes `writes` readings.
pub(crate) fn measure(system: &System, feeds: usize, writes: u32) -> Result<Feeds> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let result = Cores::pinned(system.cores.load, || runtime.block_on(run(system, feeds, writes)));
    system.write_first();
    result
}

async fn run(system: &System, feeds: usize, writes: u32) -> Result<Feeds> {
    let (metrics, settings) = (Metrics::register(&Registry::new())?, system.store());
    let (mut tasks, mut readings) = (JoinSet::new(), Vec::with_capacity(feeds));
    while readings.len() < feeds {
        let (sender, receiver) = channel(None);
        tasks.spawn(follow(settings.clone(), HEARTBEAT, metrics.clone(), sender));
        readings.push(receiver);
    }
    wait_for_all(&mut readings, reading(0)?).await?;
    let mut store = Store::connect(&settings, &Resolver::default()).await?;
    let redis = &system.redis;

    let before = cpu_time(redis.id());
    sleep(IDLE).await;
    let idle = cpu_time(redis.id()) - before;
    let sent = || system.redis_statistic("total_net_output_bytes");
    let (before, sent_before) = (cpu_time(redis.id()), sent()?);
    let mut times = Vec::new();
    for number in 1..=writes {
        let reading = reading(number)?;
        sleep(PAUSE).await;
        let start = Instant::now();
        // All feeds share this core. On a busy machine, they can delay the writer until it times out, so retry.
        while let Err(error) = store.publish(&reading).await {
            ensure!(start.elapsed() < PATIENCE, error);
        }
        wait_for_all(&mut readings, reading).await?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let per_update = |total: f64| total / f64::from(writes);
    Ok(Feeds {
        feeds,
        cpu_per_update: per_update((cpu_time(redis.id()) - before).as_secs_f64() * 1e3),
        cpu_per_idle_minute: idle.as_secs_f64() * 1e3 * 60.0 / IDLE.as_secs_f64(),
        bytes_per_update: per_update(sent()? - sent_before),
        memory: system.redis_statistic("mem_clients_normal")?,
        times,
    })
}

/// Waits until every feed has published `wanted`.
async fn wait_for_all(readings: &mut [Receiver<Option<Reading>>], wanted: Reading) -> Result<()> {
    let is_wanted = |last: &Option<Reading>| *last == Some(wanted);
    // `wait_for` returns a borrow that blocks the feed from sending, so drop it at once.
    let all = readings.iter_mut().map(async |receiver| receiver.wait_for(is_wanted).await.map(drop));
    timeout(PATIENCE, try_join_all(all)).await.context("timed out waiting for the feeds")??;
    Ok(())
}

impl Feeds {
    fn cells(&self) -> [String; 6] {
        let Self { feeds, cpu_per_update, cpu_per_idle_minute, bytes_per_update, memory, times } = self;
        let (middle, highest) = (number(median(times)), number(quantile(times, 1.0)));
        [
            feeds.to_string(),
            format!("{} ms", number(*cpu_per_update)),
            format!("{} ms", number(*cpu_per_idle_minute)),
            format!("{} kB", number(bytes_per_update / 1e3)),
            format!("{} MB", number(memory / 1e6)),
            format!("{middle} ms, highest {highest} of {}", times.len()),
        ]
    }
}

/// The table, with one line for each number of feeds.
pub(crate) fn lines(results: &[Feeds]) -> String {
    let header = [
        "feeds",
        "Redis CPU per update",
        "… per idle minute",
        "Redis output per update",
        "Redis memory for clients",
        "update → last feed",
    ];
    table(header, results.iter().map(Feeds::cells))
}
