//! The delay from a write until a reading is on many open streams, compared with a plain loop that writes the same
//! bytes to as many sockets.

use std::io::Write;
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Instant;

use anyhow::{Context, Result};
use wrpi_test::{Api, Service, eventually, free_port, resident_bytes};

use crate::machine::Cores;
use crate::statistics::median;
use crate::stream::{PAUSE, Writer, open};
use crate::system::{System, body};
use crate::target::{Target, read_until};

/// Number of open streams.
pub(crate) const STREAMS: usize = 10_000;

/// The results of one round. A time is the median over all writes, in milliseconds from before a write until the last
/// stream has the reading.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    /// The API on one core.
    pub(crate) one_core: f64,
    /// The loop on the same core.
    pub(crate) write_loop: f64,
    /// The API on all cores, which it shares with the client.
    pub(crate) all_cores: f64,
    /// Bytes of resident memory that a stream adds to the API.
    pub(crate) memory: f64,
}

/// Runs a round of `writes` writes.
pub(crate) fn round(system: &System, writes: u32) -> Result<Round> {
    let (one_core, messages, memory) = api(system, &Cores::pinned(system.cores.server, || system.api())?, writes)?;
    let write_loop = write_loop(system, &messages)?;
    let (all_cores, ..) = api(system, &system.api()?, writes)?;
    Ok(Round { one_core, write_loop, all_cores, memory })
}

/// Returns the API's time, the bytes that a client received for each reading, and the memory of a stream.
fn api(system: &System, api: &Api, writes: u32) -> Result<(f64, Vec<Vec<u8>>, f64)> {
    let before = resident_bytes(api.service.id());
    let mut writer = Writer::connect(system)?;
    let (times, messages, memory) = Cores::pinned(system.cores.load, || {
        let (mut streams, first) = open_all(&system.stream_of(api))?;
        let memory = resident_bytes(api.service.id()).saturating_sub(before) as f64 / STREAMS as f64;
        let (mut times, mut messages) = (Vec::new(), vec![first]);
        for number in 1..=writes {
            let (time, message) = deliver(&mut streams, number, || writer.write(number))?;
            times.push(time);
            messages.push(message);
        }
        Ok((times, messages, memory))
    })?;
    system.write_first();
    Ok((median(&times), messages, memory))
}

/// Returns the loop's time to deliver `messages`. The first message is the response to each request and does not count.
fn write_loop(system: &System, messages: &[Vec<u8>]) -> Result<f64> {
    let (first, rest) = messages.split_first().context("no message")?;
    let target = Target { name: "the write loop", ..system.target("", free_port(), Vec::new()) };
    let arguments = [&*target.address(), &STREAMS.to_string()];
    let start = || Ok(Service::wrapped(&[], "write_loop", &arguments, [("", ""); 0]));
    let _server = Cores::pinned(system.cores.server, start)?;
    let times = Cores::pinned(system.cores.load, || {
        let mut control = eventually(|| TcpStream::connect(target.address()), Result::is_ok)?;
        control.set_nodelay(true)?;
        control.write_all(first)?;
        let (mut streams, _) = open_all(&target)?;
        let deliver = |(number, message): (u32, &Vec<u8>)| {
            Ok(deliver(&mut streams, number, || Ok(control.write_all(message)?))?.0)
        };
        (1..).zip(rest).map(deliver).collect::<Result<Vec<_>>>()
    })?;
    Ok(median(&times))
}

/// Opens all streams. Also returns the bytes received on the first one.
fn open_all(target: &Target) -> Result<(Vec<TcpStream>, Vec<u8>)> {
    let (stream, first) = open(target)?;
    let others = (1..STREAMS).map(|_| Ok(open(target)?.0));
    Ok(([Ok(stream)].into_iter().chain(others).collect::<Result<_>>()?, first))
}

/// Returns the milliseconds from before `write` until reading number `number` is on the last of `streams`, and the
/// bytes received on that stream.
fn deliver(streams: &mut [TcpStream], number: u32, write: impl FnOnce() -> Result<()>) -> Result<(f64, Vec<u8>)> {
    let body = body(number)?;
    let mut received = Vec::new();
    sleep(PAUSE);
    let start = Instant::now();
    write()?;
    for stream in streams {
        received = read_until(&body, stream)?;
    }
    Ok((start.elapsed().as_secs_f64() * 1e3, received))
}
