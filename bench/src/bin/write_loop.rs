//! The least work that sends a reading to many sockets: one thread that writes the same bytes to one after the other.
//! `write_loop ADDRESS COUNT`.
//!
//! The first connection gives the orders. Its first message answers the request on each of the COUNT connections that
//! follow, and each later one is written to all of them.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use anyhow::{Context, Result};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let listener = TcpListener::bind(arguments.next().context("no address")?)?;
    let count: usize = arguments.next().context("no count")?.parse()?;
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

/// What the peer has sent in one write, which is a single segment.
fn message(stream: &mut TcpStream) -> Result<Vec<u8>> {
    let mut buffer = vec![0; 4096];
    let length = stream.read(&mut buffer)?;
    anyhow::ensure!(length > 0, "the connection has ended");
    buffer.truncate(length);
    Ok(buffer)
}
