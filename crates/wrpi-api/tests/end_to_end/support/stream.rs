//! Streams of readings.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use wrpi_test::{BODY, Connection, Redis, VALUE};

pub(crate) const STREAM: &str = "/v0/wrpi/stream";
/// The ID of the event with [`VALUE`], and the `ETag` of that reading.
pub(crate) const ETAG: &str = "\"69.420-1613844407\"";
/// How many streams are open.
pub(crate) const STREAMS: &str = "wrpi_streams_active";

/// The event with `value`, calculated at [`wrpi_test::TIMESTAMP`].
pub(crate) fn event(value: &str) -> String {
    format!("event: wrpi\nid: {}\ndata: {}\n\n", ETAG.replace(VALUE, value), BODY.replace(VALUE, value))
}

/// The next event or heartbeat.
pub(crate) fn next(stream: &mut Connection) -> String {
    stream.read_chunk().unwrap().expect("an event")
}

/// Writes readings on one connection, faster than one `redis-cli` for each.
pub(crate) struct Writer(BufReader<TcpStream>);

impl Writer {
    pub(crate) fn connect(redis: &Redis) -> Self {
        Self(BufReader::new(TcpStream::connect(("127.0.0.1", redis.port())).unwrap()))
    }

    /// Writes `value`, calculated `second` seconds after 18:00.
    pub(crate) fn write(&mut self, value: &str, second: u32) {
        // Both keys change: if only one did, the feed would wait for the other.
        let time = format!("2021-02-20T18:{:02}:{:02}", second / 60 % 60, second % 60);
        let command = format!("MSET wrpi-latest {value} wrpi-timestamp {time}\r\n");
        self.0.get_mut().write_all(command.as_bytes()).unwrap();
        let mut answer = String::new();
        self.0.read_line(&mut answer).unwrap();
        assert_eq!(answer, "+OK\r\n");
    }
}
