//! A proxy to a real Redis that answers some commands itself, as proxies and managed services do.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// The reply to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The real server answers it.
    Real,
    /// The proxy answers with this line of Redis's protocol, such as `-ERR no`.
    Line(String),
    /// The proxy closes the connection.
    HangUp,
}

type Script = dyn Fn(&[String]) -> Reply + Send + Sync;

/// A proxy on a free port of 127.0.0.1. Invalidation messages of the real server pass.
#[derive(Debug)]
pub struct Scripted {
    port: u16,
    is_over: Arc<AtomicBool>,
}

impl Scripted {
    /// Starts a proxy to the server at port `server`. `script` decides the reply to every command. Replies stay in
    /// order only if a client waits for the server's reply before it sends a command that the proxy answers.
    pub fn start(server: u16, script: impl Fn(&[String]) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (is_over, script): (Arc<AtomicBool>, Arc<Script>) = (Arc::default(), Arc::new(script));
        let scripted = Self { port, is_over: is_over.clone() };
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                let script = script.clone();
                thread::spawn(move || {
                    let _until_either_side_ends = serve(&client, server, &*script);
                    client.shutdown(Shutdown::Both)
                });
            }
        });
        scripted
    }

    /// The TCP port for clients.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts connections.
        let _wake = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

fn serve(mut client: &TcpStream, server: u16, script: &Script) -> io::Result<()> {
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, server))?;
    let (mut answers, mut back) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || {
        let _until_either_side_ends = io::copy(&mut answers, &mut back);
        back.shutdown(Shutdown::Both)
    });
    let mut commands = BufReader::new(client);
    while let Some((command, bytes)) = read_command(&mut commands)? {
        match script(&command) {
            Reply::Real => server.write_all(&bytes)?,
            Reply::Line(line) => client.write_all(format!("{line}\r\n").as_bytes())?,
            Reply::HangUp => break,
        }
    }
    server.shutdown(Shutdown::Both)
}

/// Reads the next command. Returns its parts and its bytes; `None` at the end.
fn read_command(from: &mut impl BufRead) -> io::Result<Option<(Vec<String>, Vec<u8>)>> {
    let mut bytes = Vec::new();
    let Some(parts) = read_length(from, &mut bytes)? else { return Ok(None) };
    let mut command = Vec::new();
    for _ in 0..parts {
        let length = read_length(from, &mut bytes)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut part = vec![0; length + "\r\n".len()];
        from.read_exact(&mut part)?;
        bytes.extend(&part);
        command.push(String::from_utf8_lossy(&part[..length]).into_owned());
    }
    Ok(Some((command, bytes)))
}

/// Reads the number of a line `*3` (parts of a command) or `$5` (bytes of a part); `None` at the end.
fn read_length(from: &mut impl BufRead, bytes: &mut Vec<u8>) -> io::Result<Option<usize>> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    bytes.extend(line.as_bytes());
    let number = line.trim_end().get(1..).map(str::parse);
    number.transpose().map_err(io::Error::other)
}
