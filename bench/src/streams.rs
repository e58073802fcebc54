//! Many open streams, and how soon a new reading is on all of them.

use std::time::Instant;

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use tokio::time::sleep;
use wrpi_core::store::Store;
use wrpi_test::{Api, resident_bytes};

use crate::machine::Cores;
use crate::stream::{PAUSE, Stream, sign};
use crate::system::{System, reading};

/// How many streams are open at once.
pub(crate) const STREAMS: usize = 10_000;

/// What [`STREAMS`] streams of one API process take.
#[derive(Debug)]
pub(crate) struct Streams {
    /// Milliseconds from before each write in Redis until the last stream had the reading.
    pub(crate) delivery: Vec<f64>,
    /// Bytes of resident memory that each adds.
    pub(crate) memory: f64,
}

/// Opens the streams and writes `writes` readings.
pub(crate) fn measure(system: &System, writes: u32) -> Result<Streams> {
    let api = Cores::pinned(system.cores.server, || system.api())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let measured = Cores::pinned(system.cores.load, || runtime.block_on(follow(system, &api, writes)));
    system.write_first();
    measured
}

async fn follow(system: &System, api: &Api, writes: u32) -> Result<Streams> {
    let mut store = Store::connect(&system.store()?).await?;
    let target = system.stream_of(api);
    let before = resident_bytes(api.service.id());
    let mut streams = Vec::with_capacity(STREAMS);
    for _ in 0..STREAMS {
        streams.push(Stream::open(&target).await?);
    }
    let memory = resident_bytes(api.service.id()).saturating_sub(before) as f64 / STREAMS as f64;
    let mut delivery = Vec::new();
    for number in 1..=writes {
        sleep(PAUSE).await;
        let (reading, sign) = (reading(number)?, sign(number)?);
        let start = Instant::now();
        store.publish(&reading).await?;
        let received = try_join_all(streams.iter_mut().map(|stream| stream.until(&sign))).await?;
        let last = received.into_iter().max().context("no stream")?;
        delivery.push((last - start).as_secs_f64() * 1e3);
    }
    Ok(Streams { delivery, memory })
}
