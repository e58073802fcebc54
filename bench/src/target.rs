//! A request to a server, and the expected response.

use std::io::Read;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use wrpi_test::{Connection, PATIENCE, Response, cpu_time};

/// Reads until `body` has arrived. Returns all bytes that were read.
pub(crate) fn read_until(body: &str, stream: &mut impl Read) -> Result<Vec<u8>> {
    let (mut received, mut buffer) = (Vec::new(), [0; 4096]);
    while !received.windows(body.len()).any(|part| part == body.as_bytes()) {
        let length = stream.read(&mut buffer).context("cannot read from a server")?;
        ensure!(length > 0, "the connection ended after {:?}", received.escape_ascii().to_string());
        received.extend_from_slice(buffer.get(..length).context("read past the buffer")?);
    }
    Ok(received)
}

/// A server, a request to it, and the expected response.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) name: &'static str,
    /// The processes whose CPU time counts: the server and, if requests reach Redis, Redis.
    pub(crate) processes: Vec<u32>,
    pub(crate) port: u16,
    pub(crate) path: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Target {
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The total CPU time of `processes`.
    pub(crate) fn cpu_time(&self) -> Duration {
        self.processes.iter().map(|process| cpu_time(*process)).sum()
    }

    /// The bytes of the request.
    pub(crate) fn request(&self) -> Vec<u8> {
        let mut head = format!("GET {} HTTP/1.1\r\nHost: {}\r\n", self.path, self.address());
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        head.into_bytes()
    }

    /// Sends one request on a new connection and checks the response.
    pub(crate) fn check(&self) -> Result<Response> {
        self.ask(&mut Connection::open(&self.address()).with_context(|| format!("cannot connect to {}", self.name))?)
    }

    /// Retries [`Target::check`] until it succeeds. Returns the last error after [`PATIENCE`].
    pub(crate) fn wait_until_correct(&self) -> Result<Response> {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.check() {
                Err(_) if Instant::now() < end => std::thread::sleep(Duration::from_micros(200)),
                result => return result,
            }
        }
    }

    /// Sends one request on `connection` and checks the response.
    pub(crate) fn ask(&self, connection: &mut Connection) -> Result<Response> {
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = connection.request("GET", self.path, &headers).with_context(|| self.name)?;
        let is_correct = answer.status == self.status && answer.body == self.body;
        ensure!(
            is_correct,
            "{} sent {} {:?} instead of {} {:?}",
            self.name,
            answer.status,
            answer.body,
            self.status,
            self.body
        );
        Ok(answer)
    }
}
