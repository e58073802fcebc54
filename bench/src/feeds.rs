//! What many feeds cost the Redis in the middle: each has its own connection, as each replica of the API has.

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
use wrpi_core::store::Store;
use wrpi_test::PATIENCE;

use crate::machine::{Cores, cpu_time};
use crate::report::{number, table};
use crate::statistics::{median, quantile};
use crate::stream::PAUSE;
use crate::system::{System, reading};

/// The default of `REDIS_HEARTBEAT`.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long Redis is watched without an update: two heartbeats.
const IDLE: Duration = Duration::from_secs(10);

/// What `feeds` feeds cost.
#[derive(Debug)]
pub(crate) struct Feeds {
    feeds: usize,
    /// Milliseconds of Redis's CPU time.
    cpu_per_update: f64,
    cpu_per_idle_minute: f64,
    /// What Redis sends for an update.
    bytes_per_update: f64,
    /// Bytes that Redis holds for its clients after an update.
    memory: f64,
    /// Milliseconds until the last feed has a reading.
    times: Vec<f64>,
}

/// Runs so many feeds on the load's core, and writes `writes` readings.
pub(crate) fn measure(system: &System, feeds: usize, writes: u32) -> Result<Feeds> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let found = Cores::pinned(system.cores.load, || runtime.block_on(run(system, feeds, writes)));
    system.write_first();
    found
}

async fn run(system: &System, feeds: usize, writes: u32) -> Result<Feeds> {
    let (metrics, settings) = (Metrics::register(&Registry::new())?, system.store());
    let (mut tasks, mut readings) = (JoinSet::new(), Vec::with_capacity(feeds));
    while readings.len() < feeds {
        let (sender, receiver) = channel(None);
        tasks.spawn(follow(settings.clone(), HEARTBEAT, metrics.clone(), sender));
        readings.push(receiver);
    }
    all_have(&mut readings, reading(0)?).await?;
    let mut store = Store::connect(&settings).await?;
    let redis = &system.redis;

    let before = cpu_time(redis.id())?;
    sleep(IDLE).await;
    let idle = cpu_time(redis.id())? - before;
    let sent = || system.redis_statistic("total_net_output_bytes");
    let (before, sent_before) = (cpu_time(redis.id())?, sent()?);
    let mut times = Vec::new();
    for number in 1..=writes {
        let reading = reading(number)?;
        sleep(PAUSE).await;
        let start = Instant::now();
        // All feeds share this core, and on a busy machine may keep the answer from being read in time.
        while let Err(error) = store.publish(&reading).await {
            ensure!(start.elapsed() < PATIENCE, error);
        }
        all_have(&mut readings, reading).await?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let per_update = |total: f64| total / f64::from(writes);
    Ok(Feeds {
        feeds,
        cpu_per_update: per_update((cpu_time(redis.id())? - before).as_secs_f64() * 1e3),
        cpu_per_idle_minute: idle.as_secs_f64() * 1e3 * 60.0 / IDLE.as_secs_f64(),
        bytes_per_update: per_update(sent()? - sent_before),
        memory: system.redis_statistic("mem_clients_normal")?,
        times,
    })
}

/// Waits until each feed has passed `wanted` on.
async fn all_have(readings: &mut [Receiver<Option<Reading>>], wanted: Reading) -> Result<()> {
    let is_wanted = |last: &Option<Reading>| *last == Some(wanted);
    // What `wait_for` gives must be dropped at once: it keeps the feed from sending.
    let all = readings.iter_mut().map(async |receiver| receiver.wait_for(is_wanted).await.map(drop));
    timeout(PATIENCE, try_join_all(all)).await.context("a feed stands still")??;
    Ok(())
}

impl Feeds {
    /// Milliseconds of Redis's CPU time in a minute with one update, for each feed.
    pub(crate) fn cpu_per_minute(&self) -> f64 {
        (self.cpu_per_update + self.cpu_per_idle_minute) / self.feeds as f64
    }

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

/// One line for each count of feeds.
pub(crate) fn lines(found: &[Feeds]) -> String {
    let header = [
        "feeds",
        "Redis CPU per update",
        "… per idle minute",
        "sent per update",
        "memory of its clients",
        "update → last feed",
    ];
    table(header, found.iter().map(Feeds::cells))
}
