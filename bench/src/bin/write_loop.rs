//! The minimum work to send a reading to many sockets: one thread writes the same bytes to one after the other.
//!
//! Usage: `write_loop ADDRESS COUNT`. The first connection controls the loop. Its first message is the response to the
//! request on each of the next COUNT connections. Each later message is written to all of them.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use anyhow::{Context, Result};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let listener = TcpListener::bind(arguments.next().context("ADDRESS is missing")?)?;
    let count: usize = arguments.next().context("COUNT is missing")?.parse()?;
    let mut control = accept(&listener)?;
    let first = message(&mut control)?;
    let mut streams = Vec::with_capacity(count);
    while streams.len() < count {
        let mut stream = accept(&listener)?;
        message(&mut stream).context("no request")?;
        stream.write_all(&first)?;
        streams.push(stream);
    }
    loop {
        let message = message(&mut control)?;
        for stream in &mut streams {
            stream.write_all(&message)?;
        }
    }
}

fn accept(listener: &TcpListener) -> Result<TcpStream> {
    let (stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Reads a message, which the peer sends in one write and a single segment.
fn message(stream: &mut TcpStream) -> Result<Vec<u8>> {
    let mut buffer = vec![0; 4096];
    let length = stream.read(&mut buffer)?;
    anyhow::ensure!(length > 0, "the connection has ended");
    buffer.truncate(length);
    Ok(buffer)
}
