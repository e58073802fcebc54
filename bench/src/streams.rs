//! What many open streams cost, and the delay from a write until a reading is on all of them. Compared with a plain loop
//! that writes the same bytes to as many sockets, and with nginx and its module nchan, which was made for this.

use std::io::Write;
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use wrpi_test::{Api, Connection, Service, eventually, free_port, resident_bytes};

use crate::machine::Cores;
use crate::peers::start_nchan;
use crate::statistics::median;
use crate::stream::{PAUSE, Writer, open};
use crate::system::{System, body};
use crate::target::{Target, read_until};

/// Number of open streams.
pub(crate) const STREAMS: usize = 10_000;

/// What a server does with an event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivery {
    /// The median of the milliseconds from before a write until the last stream has the reading.
    pub(crate) time: f64,
    /// CPU time per event, in milliseconds.
    pub(crate) cpu: f64,
    /// Bytes of resident memory that a stream adds to the server.
    pub(crate) memory: f64,
}

/// The results of one round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    /// The API on one core.
    pub(crate) one_core: Delivery,
    /// The time of the loop on the same core.
    pub(crate) write_loop: f64,
    /// nginx with nchan on the same core.
    pub(crate) nchan: Delivery,
    /// The API on all cores, which it shares with the client.
    pub(crate) all_cores: Delivery,
}

/// Runs a round of `writes` writes.
pub(crate) fn round(system: &System, writes: u32) -> Result<Round> {
    let (one_core, messages) = api(system, &Cores::pinned(system.cores.server, || system.api())?, writes)?;
    let write_loop = write_loop(system, &messages)?;
    let nchan = nchan(system, writes)?;
    let (all_cores, _) = api(system, &system.api()?, writes)?;
    Ok(Round { one_core, write_loop, nchan, all_cores })
}

/// Also returns the bytes that a client received for each reading.
fn api(system: &System, api: &Api, writes: u32) -> Result<(Delivery, Vec<Vec<u8>>)> {
    let mut writer = Writer::connect(system)?;
    let result = measure(system, &system.stream_of(api), writes, |number| writer.write(number));
    system.write_first();
    result
}

/// The client publishes each reading on a connection that it keeps.
fn nchan(system: &System, writes: u32) -> Result<Delivery> {
    let (_server, target) = Cores::pinned(system.cores.server, || start_nchan(system, STREAMS))?;
    let mut publisher = eventually(|| Connection::open(&target.address()), Result::is_ok)?;
    let mut publish = |number| {
        let body = body(number)?;
        let length = body.len();
        publisher.write(&format!("POST /publish HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n{body}"))?;
        let answer = publisher.read(true)?;
        ensure!(matches!(answer.status, 201 | 202), "nchan answers {}: {}", answer.status, answer.body);
        Ok(())
    };
    publish(0)?;
    Ok(measure(system, &target, writes, publish)?.0)
}

/// Opens all streams of `target` and delivers `writes` readings. Also returns the bytes that a client received for each.
fn measure(
    system: &System,
    target: &Target,
    writes: u32,
    mut write: impl FnMut(u32) -> Result<()>,
) -> Result<(Delivery, Vec<Vec<u8>>)> {
    let memory = || target.processes.iter().map(|process| resident_bytes(*process) as f64).sum::<f64>();
    Cores::pinned(system.cores.load, || {
        let before = memory();
        let (mut streams, first) = open_all(target)?;
        let memory = (memory() - before) / STREAMS as f64;
        let (mut times, mut messages, cpu_before) = (Vec::new(), vec![first], target.cpu_time());
        for number in 1..=writes {
            let (time, message) = deliver(&mut streams, number, || write(number))?;
            times.push(time);
            messages.push(message);
        }
        let cpu = (target.cpu_time() - cpu_before).as_secs_f64() * 1e3 / f64::from(writes);
        Ok((Delivery { time: median(&times), cpu, memory }, messages))
    })
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
