//! Latency at a constant rate, which does not depend on the responses.
//!
//! Each request has a due time, and its latency counts from that time, even if it was sent later. A server that stalls
//! therefore delays all requests that are due meanwhile. This avoids coordinated omission.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use wrpi_test::PATIENCE;

use crate::machine::Cores;
use crate::target::Target;

const CONNECTIONS: usize = 64;

/// Sends `rate` requests per second to `target` for `duration`. Returns the latency of each request in microseconds.
///
/// The client polls and keeps its core busy, because sleeping would add latency.
pub(crate) fn run(target: &Target, cores: Cores, rate: f64, duration: Duration) -> Result<Vec<f64>> {
    Cores::pinned(cores.load, || {
        let (request, mut idle, mut waiting) = (target.request(), VecDeque::new(), VecDeque::new());
        for _ in 0..CONNECTIONS {
            let mut link = Link::open(target)?;
            // The server must accept the connection before the measurement starts.
            link.stream.write_all(&request)?;
            let sent_at = Instant::now();
            while !link.read_response(sent_at)? {}
            idle.push_back(link);
        }

        let total = (rate * duration.as_secs_f64()) as usize;
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
                if link.read_response(due)? {
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

/// A keep-alive connection and the part of a response that it has received.
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

    /// Reads available bytes of the response to the request that was due at `due`. Returns whether the response is
    /// complete. Fails if the expected response does not arrive within [`PATIENCE`].
    fn read_response(&mut self, due: Instant) -> Result<bool> {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => anyhow::bail!("{} closed a connection", self.target.name),
            Ok(length) => self.received.extend_from_slice(buffer.get(..length).context("read past the buffer")?),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        let is_complete = self.received.ends_with(self.target.body.as_bytes());
        if is_complete {
            self.received.clear();
        } else {
            let received = self.received.escape_ascii().to_string();
            ensure!(due.elapsed() < PATIENCE, "{} timed out after sending {received:?}", self.target.name);
        }
        Ok(is_complete)
    }
}
