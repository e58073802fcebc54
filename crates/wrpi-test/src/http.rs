//! HTTP/1.1 over a bare socket. A test sees the exact response, and can send requests that no library would send.

use std::fmt::Debug;
use std::io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::PATIENCE;

/// A response as received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names, in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Response {
    /// The value of a header (`name` in lower case).
    ///
    /// # Panics
    ///
    /// When the response has it twice.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let value = values.next();
        assert_eq!(values.next(), None, "{name} twice in {:?}", self.headers);
        value
    }
}

/// The transport of a connection: TCP, or TLS over TCP.
trait Stream: Read + Write + Debug + Send {}

impl<S: Read + Write + Debug + Send> Stream for S {}

/// A keep-alive connection.
#[derive(Debug)]
pub struct Connection(BufReader<Box<dyn Stream>>, Option<TcpStream>);

impl Connection {
    /// Connects to `address`.
    ///
    /// # Errors
    ///
    /// When the connection is refused.
    pub fn open(address: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let socket = stream.try_clone()?;
        Ok(Self(BufReader::new(Box::new(stream)), Some(socket)))
    }

    /// Uses `stream`, which is connected already.
    pub fn over(stream: impl Read + Write + Debug + Send + 'static) -> Self {
        Self(BufReader::new(Box::new(stream)), None)
    }

    /// Sends a request with `Host` and `headers`, and reads the response.
    ///
    /// # Errors
    ///
    /// When the connection ends before a complete response.
    pub fn request(&mut self, method: &str, target: &str, headers: &[(&str, &str)]) -> std::io::Result<Response> {
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: test\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        self.write(&format!("{head}\r\n"))?;
        self.read(method != "HEAD")
    }

    /// Sends `bytes` unchanged.
    ///
    /// # Errors
    ///
    /// When the connection has ended.
    pub fn write(&mut self, bytes: &str) -> std::io::Result<()> {
        self.0.get_mut().write_all(bytes.as_bytes())
    }

    /// Reads a response, `with_body` unless the request was HEAD.
    ///
    /// # Errors
    ///
    /// When the connection ends before a complete response, or the bytes are not HTTP.
    pub fn read(&mut self, with_body: bool) -> std::io::Result<Response> {
        let broken = |line: &str| std::io::Error::other(format!("not HTTP: {line:?}"));
        let status_line = self.read_line()?;
        let rest = status_line.strip_prefix("HTTP/1.1 ").or_else(|| status_line.strip_prefix("HTTP/1.0 "));
        let status = rest.and_then(|rest| rest.get(..3)?.parse().ok());
        let mut response =
            Response { status: status.ok_or_else(|| broken(&status_line))?, headers: Vec::new(), body: String::new() };
        loop {
            let line = self.read_line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(": ").ok_or_else(|| broken(&line))?;
            response.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let length = response.header("content-length").and_then(|length| length.parse().ok());
        if let Some(length) = length.filter(|_| with_body && response.status != 304) {
            let mut body = vec![0; length];
            self.0.read_exact(&mut body)?;
            response.body = String::from_utf8(body).map_err(std::io::Error::other)?;
        }
        Ok(response)
    }

    /// Reads the next chunk of a chunked body; `None` at the end.
    ///
    /// # Errors
    ///
    /// When the connection ends before a complete chunk, or the bytes are not a chunk.
    pub fn read_chunk(&mut self) -> std::io::Result<Option<String>> {
        let size = usize::from_str_radix(&self.read_line()?, 16).map_err(std::io::Error::other)?;
        let mut chunk = vec![0; size];
        self.0.read_exact(&mut chunk)?;
        self.read_line()?;
        String::from_utf8(chunk).map(|chunk| (size > 0).then_some(chunk)).map_err(std::io::Error::other)
    }

    /// Waits until the peer sends a byte or closes the connection. Returns whether it closed the connection.
    pub fn is_closed(&mut self) -> bool {
        matches!(self.0.fill_buf(), Ok([]))
    }

    /// Waits until the peer closes or resets the connection, and discards the bytes before.
    ///
    /// # Panics
    ///
    /// When it stays open for longer than [`PATIENCE`].
    pub fn ends(&mut self) {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            let length = match self.0.fill_buf() {
                Ok(bytes) => bytes.len(),
                Err(error) if matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof) => 0,
                Err(error) => panic!("the connection stays open: {error}"),
            };
            if length == 0 {
                return;
            }
            self.0.consume(length);
        }
        panic!("the connection stays open and sends");
    }

    /// Whether an idle connection is known to have ended. Always `false` for a connection that was not made by
    /// [`Connection::open`].
    pub fn has_ended(&self) -> bool {
        let Some(stream) = &self.1 else { return false };
        let set = |nonblocking| stream.set_nonblocking(nonblocking).unwrap();
        set(true);
        let found = stream.peek(&mut [0]);
        set(false);
        // Unexpected bytes cannot belong to a later request, so the connection is unusable too.
        !matches!(found, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    }

    fn read_line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let end = || std::io::Error::new(UnexpectedEof, format!("after {line:?}"));
        line.strip_suffix("\r\n").map(str::to_owned).ok_or_else(end)
    }
}

/// Sends one request on a new connection.
///
/// # Panics
///
/// When there is no response.
pub fn send(address: &str, method: &str, target: &str, headers: &[(&str, &str)]) -> Response {
    Connection::open(address).and_then(|mut connection| connection.request(method, target, headers)).unwrap()
}

/// Sends a GET with a password.
///
/// # Panics
///
/// When there is no response.
pub fn get(address: &str, target: &str, password: &str) -> Response {
    send(address, "GET", target, &[("Authorization", &basic(&format!("any:{password}")))])
}

/// The value of `Authorization` for `user:password`.
pub fn basic(user_and_password: &str) -> String {
    format!("Basic {}", STANDARD.encode(user_and_password))
}
