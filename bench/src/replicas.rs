//! How soon after a write in Redis every replica serves it.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use wrpi_core::store::Store;
use wrpi_test::{Api, PATIENCE};

use crate::stream::{PAUSE, Stream, sign};
use crate::system::{System, reading};

/// Starts `count` API processes, writes `writes` readings as the updater does, and gives for each the milliseconds
/// from before the write until a client of each replica had it, on a stream.
///
/// Then, off the clock, each replica is asked, and must answer with it too. All cores have a part in it, as replicas
/// have many.
pub(crate) fn propagation(system: &System, count: usize, writes: u32) -> Result<Vec<f64>> {
    let apis = (0..count).map(|_| system.api()).collect::<Result<Vec<_>>>()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let measured = runtime.block_on(watch(system, &apis, writes));
    system.write_first();
    measured
}

async fn watch(system: &System, apis: &[Api], writes: u32) -> Result<Vec<f64>> {
    let mut store = Store::connect(&system.store()?).await?;
    let mut replicas = Vec::new();
    for api in apis {
        replicas.push(Replica::connect(system, api).await?);
    }
    let mut times = Vec::new();
    for number in 1..=writes {
        let (reading, sign) = (reading(number)?, sign(number)?);
        sleep(PAUSE).await;
        let start = Instant::now();
        store.publish(&reading).await?;
        let served = try_join_all(replicas.iter_mut().map(|replica| replica.stream.until(&sign))).await?;
        let last = served.into_iter().max().context("no replica")?;
        times.push((last - start).as_secs_f64() * 1e3);
        for replica in &mut replicas {
            replica.check(&sign).await?;
        }
    }
    Ok(times)
}

struct Replica {
    stream: Stream,
    connection: TcpStream,
    request: Vec<u8>,
}

impl Replica {
    async fn connect(system: &System, api: &Api) -> Result<Self> {
        let stream = Stream::open(&system.stream_of(api)).await?;
        let target = system.target("a replica", api.port(), Vec::new());
        let connection = TcpStream::connect(target.address()).await?;
        connection.set_nodelay(true)?;
        Ok(Self { stream, connection, request: target.request() })
    }

    /// Asks with GET, once, and checks that the answer has `sign`.
    async fn check(&mut self, sign: &str) -> Result<()> {
        let mut buffer = [0; 4096];
        self.connection.write_all(&self.request).await?;
        // An answer is one segment: it is much shorter than that.
        let length = timeout(PATIENCE, self.connection.read(&mut buffer)).await.context("a replica stands still")??;
        let answer = String::from_utf8_lossy(buffer.get(..length).context("more than there is room")?);
        ensure!(answer.starts_with("HTTP/1.1 200 ") && answer.contains(sign), "a replica answers {answer:?}");
        Ok(())
    }
}
