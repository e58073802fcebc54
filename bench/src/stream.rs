//! Streams of readings, and a writer of readings.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use anyhow::Result;
use tokio::runtime::{Builder, Runtime};
use wrpi_core::store::{Resolver, Store};
use wrpi_test::PATIENCE;

use crate::system::{System, reading};
use crate::target::{Target, read_until};

/// The pause before each write, long enough for the last one to reach all clients.
pub(crate) const PAUSE: Duration = Duration::from_millis(20);

/// Opens a stream and waits for the first reading. Also returns all bytes received.
///
/// A client reads one stream after the other with [`read_until`]. This costs one system call per stream, the minimum
/// for a client.
pub(crate) fn open(target: &Target) -> Result<(TcpStream, Vec<u8>)> {
    let mut stream = TcpStream::connect(target.address())?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&target.request())?;
    let first = read_until(&target.body, &mut stream)?;
    Ok((stream, first))
}

/// Writes readings as the updater does.
pub(crate) struct Writer {
    runtime: Runtime,
    store: Store,
}

impl Writer {
    /// Connects to Redis.
    pub(crate) fn connect(system: &System) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let store = runtime.block_on(Store::connect(&system.store(), &Resolver::default()))?;
        Ok(Self { runtime, store })
    }

    /// Writes reading number `number`.
    pub(crate) fn write(&mut self, number: u32) -> Result<()> {
        Ok(self.runtime.block_on(self.store.publish(&reading(number)?))?)
    }
}
