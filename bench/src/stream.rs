//! An open stream of readings.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use wrpi_test::PATIENCE;

use crate::system::reading;
use crate::target::Target;

/// The time between two writes: long enough for the last one to have settled everywhere.
pub(crate) const PAUSE: Duration = Duration::from_millis(20);

/// An open stream.
pub(crate) struct Stream(TcpStream);

impl Stream {
    /// Opens a stream and waits for the first reading.
    pub(crate) async fn open(target: &Target) -> Result<Self> {
        let mut stream = Self(TcpStream::connect(target.address()).await?);
        stream.0.write_all(&target.request()).await?;
        stream.until(&sign(0)?).await?;
        Ok(stream)
    }

    /// Reads until `sign` has come, and gives the time when it had.
    pub(crate) async fn until(&mut self, sign: &str) -> Result<Instant> {
        let (mut received, mut buffer) = (String::new(), [0; 1024]);
        while !received.contains(sign) {
            let length = timeout(PATIENCE, self.0.read(&mut buffer)).await.context("a stream stands still")??;
            ensure!(length > 0, "a stream ended after {received:?}");
            received.push_str(&String::from_utf8_lossy(buffer.get(..length).context("more than there is room")?));
        }
        Ok(Instant::now())
    }
}

/// How reading number `number` is known in an answer.
pub(crate) fn sign(number: u32) -> Result<String> {
    Ok(format!("\"latest_value\":{},", reading(number)?.value))
}
