//! Latency at a rate that does not depend on the answers.
//!
//! Each request has its due time, and its latency counts from there, however late it was sent: a server that
//! stalls is charged for every request that came due meanwhile ("coordinated omission" would leave them out).

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use wrpi_test::PATIENCE;

use crate::machine::Cores;
use crate::target::Target;

const CONNECTIONS: usize = 64;

/// Asks `target` `rate` times a second for `length`, and gives the latency of each request in microseconds. The
/// load's core is busy throughout: it polls, as sleeping would add its own latency.
pub(crate) fn run(target: &Target, cores: Cores, rate: f64, length: Duration) -> Result<Vec<f64>> {
    Cores::pinned(cores.load, || {
        let (request, mut idle, mut waiting) = (target.request(), VecDeque::new(), VecDeque::new());
        for _ in 0..CONNECTIONS {
            let mut link = Link::open(target)?;
            // The server has accepted the connection before the clock starts.
            link.stream.write_all(&request)?;
            let asked = Instant::now();
            while !link.has_answer(asked)? {}
            idle.push_back(link);
        }

        let total = (rate * length.as_secs_f64()) as usize;
        let mut latencies = Vec::with_capacity(total);
        let (start, mut sent) = (Instant::now(), 0);
        while latencies.len() < total {
            let due = start + Duration::from_secs_f64(sent as f64 / rate);
            if sent < total
                && Instant::now() >= due
                && let Some(mut link) = idle.pop_front()
            {
                link.stream.write_all(&request)?;
                waiting.push_back((due, link));
                sent += 1;
            }
            for _ in 0..waiting.len() {
                let Some((due, mut link)) = waiting.pop_front() else { break };
                if link.has_answer(due)? {
                    latencies.push(due.elapsed().as_secs_f64() * 1e6);
                    idle.push_back(link);
                } else {
                    waiting.push_back((due, link));
                }
            }
        }
        Ok(latencies)
    })
}

/// A kept connection and what has come of an answer.
struct Link<'a> {
    stream: TcpStream,
    target: &'a Target,
    received: Vec<u8>,
}

impl<'a> Link<'a> {
    fn open(target: &'a Target) -> Result<Self> {
        let stream = TcpStream::connect(target.address())?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, target, received: Vec::with_capacity(1024) })
    }

    /// Takes what has come to a request that was due at `due`; whether that makes the answer whole. What is not
    /// the right answer in time is an error.
    fn has_answer(&mut self, due: Instant) -> Result<bool> {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => anyhow::bail!("{} closed a connection", self.target.name),
            Ok(length) => self.received.extend_from_slice(buffer.get(..length).context("more than there is room")?),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        let is_whole = self.received.ends_with(self.target.body.as_bytes());
        if is_whole {
            self.received.clear();
        } else {
            ensure!(due.elapsed() < PATIENCE, "{}: {:?}", self.target.name, self.received.escape_ascii().to_string());
        }
        Ok(is_whole)
    }
}
