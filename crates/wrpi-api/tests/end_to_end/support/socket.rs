//! HTTP/1.1 byte by byte, over a bare socket.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use wrpi_test::{Api, Connection, PATIENCE, Response};

/// A second request inside a request (request smuggling). The API would answer it with 404.
pub(crate) const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: test\r\n\r\n";

/// The open connections of the public listener.
pub(crate) const CONNECTIONS: &str = r#"http_connections_active{listener="public"}"#;

/// Connections that were evicted because their client had closed its sending side.
pub(crate) const HALF_CLOSED: &str = r#"http_connections_closed_total{listener="public",reason="half_closed"}"#;

/// A connection that fails if the API does nothing for [`PATIENCE`].
pub(crate) fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// A connection that receives little before its client reads.
pub(crate) fn connect_with_small_buffer(address: &str) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(2304).unwrap();
    socket.connect(&address.parse::<SocketAddr>().unwrap().into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// A GET of `target` with the password.
pub(crate) fn request(api: &Api, target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: test\r\nAuthorization: {}\r\n\r\n", api.credentials())
}

/// Sends `request`, in which `AUTH` stands for the credentials, and reads the response.
pub(crate) fn exchange(connection: &mut Connection, api: &Api, request: &str) -> Response {
    connection.write(&request.replace("AUTH", &format!("Authorization: {}", api.credentials()))).unwrap();
    connection.read(true).unwrap()
}

/// The status of each response that arrives before the connection is closed or reset.
pub(crate) fn statuses(mut stream: TcpStream) -> Vec<u16> {
    let mut bytes = Vec::new();
    if let Err(error) = stream.read_to_end(&mut bytes) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "still open after {}", bytes.escape_ascii());
    }
    let text = String::from_utf8(bytes).unwrap();
    text.split("HTTP/1.1 ").skip(1).map(|answer| answer[..3].parse().unwrap()).collect()
}

/// The statuses for a request of `first_line` and `rest`, with [`HIDDEN`] after it.
pub(crate) fn statuses_before_hidden(api: &Api, first_line: &str, rest: &str) -> Vec<u16> {
    let mut stream = connect(&api.address);
    // An API that has read enough may close the connection before it has read everything.
    let _closed_early = stream.write_all(format!("{first_line}\r\n{rest}{HIDDEN}").as_bytes());
    statuses(stream)
}

/// A connection that has been served once without the password; `None` if the API closed it.
pub(crate) fn served(api: &Api) -> Option<Connection> {
    let mut connection = Connection::open(&api.address).unwrap();
    connection.request("GET", "/", &[]).ok().map(|_| connection)
}

/// Sends the head of a request slowly, byte by byte, until the connection ends.
pub(crate) fn drip(mut stream: impl Write) {
    let began = Instant::now();
    stream.write_all(b"GET / HTTP/1.1\r\nX-Drip: ").unwrap();
    while stream.write_all(b"x").and_then(|()| stream.flush()).is_ok() {
        assert!(began.elapsed() < PATIENCE, "still open");
        // The pace of the slow client.
        sleep(Duration::from_millis(100));
    }
}

/// Sends `requests` again and again and reads no response, until the connection ends: how.
pub(crate) fn send_without_reading(address: &str, requests: &str) -> ErrorKind {
    let mut stream = connect(address);
    loop {
        if let Err(error) = stream.write_all(requests.as_bytes()) {
            return error.kind();
        }
    }
}

/// Clients that send `request` `responses` times, in one piece, and then shut their sending side.
pub(crate) struct HalfClose<'a> {
    pub(crate) request: &'a str,
    pub(crate) responses: usize,
    pub(crate) body: &'a str,
}

impl HalfClose<'_> {
    /// A response may be lost in a race, so each exchange is repeated.
    const TIMES: usize = 100;

    /// Asserts that every response is 200 with `body` and arrives in full, each time on a new connection from `connect`.
    pub(crate) fn is_answered<S: Read + Write>(&self, connect: impl Fn() -> S, shut: impl Fn(&mut S)) {
        for _ in 0..Self::TIMES {
            let mut stream = connect();
            stream.write_all(self.request.repeat(self.responses).as_bytes()).unwrap();
            shut(&mut stream);
            let mut bytes = Vec::new();
            let broken = stream.read_to_end(&mut bytes);
            let text = String::from_utf8(bytes).unwrap();
            let count = |part: &str| text.matches(part).count();
            let whole = (count("HTTP/1.1 200 OK\r\n"), count(&format!("\r\n\r\n{}", self.body)));
            assert_eq!(whole, (self.responses, self.responses), "{broken:?} after {text}");
        }
    }
}

/// Shuts the sending side of a TCP connection.
pub(crate) fn shut(stream: &mut TcpStream) {
    stream.shutdown(Shutdown::Write).unwrap();
}
