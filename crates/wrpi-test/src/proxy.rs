//! A TCP proxy that behaves like a faulty network: it cuts or slows connections, and holds, loses or garbles what one
//! side sends.
//!
//! While a path holds or loses bytes, the kernel drops the client's packets and does not acknowledge them. Otherwise the
//! client's TCP keepalive would not notice the fault.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, Weak};
use std::thread;
use std::time::Duration;

use rand::RngExt;

use crate::set_deaf;

/// The direction of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// What happens to the bytes of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// They pass.
    Clear,
    /// They pass after this delay.
    Slow(Duration),
    /// They wait until the path is clear again, as when TCP retransmits after the network is repaired.
    Held,
    /// They are lost, and so is everything that follows on the connection, including its end: it is half-open.
    Lost,
    /// They are replaced by random bytes, or by malformed replies of Redis.
    Garbage,
}

/// Invalid replies of Redis. Announcing a huge array or text must not make the client allocate memory for it.
const MALFORMED: [&[u8]; 6] =
    [b"$999999999\r\n", b"*999999999\r\n", b"%999999999\r\n", b">999999999\r\n", b"$-7\r\n", b"\r\n\r\n\r\n"];

/// A proxy on a free port of 127.0.0.1. Dropping it closes all its connections.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    server: u16,
    paths: [Path; 2],
    pairs: Vec<Weak<Pair>>,
    is_over: bool,
}

/// The connections to a client and to the server for it.
#[derive(Debug)]
struct Pair {
    client: TcpStream,
    server: TcpStream,
    /// By direction: whether all bytes are lost from now on.
    is_silent: [AtomicBool; 2],
}

impl Proxy {
    /// Starts a proxy to the port `server` of 127.0.0.1, with clear paths.
    pub fn start(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = State { server, paths: [Path::Clear; 2], pairs: Vec::new(), is_over: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let proxy = Self { port, shared: shared.clone() };
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                if shared.state.lock().unwrap().is_over {
                    return;
                }
                shared.join(client);
            }
        });
        proxy
    }

    /// The TCP port for clients.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Forwards new connections to another port.
    pub fn set_server(&self, server: u16) {
        self.shared.state.lock().unwrap().server = server;
    }

    /// Changes what happens to the bytes of all connections in this direction.
    pub fn set(&self, direction: Direction, path: Path) {
        let mut state = self.shared.state.lock().unwrap();
        state.paths[direction as usize] = path;
        let is_held = state.paths.contains(&Path::Held);
        drop(state);
        self.for_each(|pair| {
            if path == Path::Lost {
                pair.silence(direction);
            } else {
                pair.drop_packets(is_held);
            }
        });
        self.shared.changed.notify_all();
    }

    /// [`Proxy::set`] in both directions.
    pub fn set_both(&self, path: Path) {
        self.set(Direction::ToServer, path);
        self.set(Direction::ToClient, path);
    }

    /// Closes all connections.
    pub fn cut(&self) {
        self.for_each(Pair::close);
    }

    /// Makes all connections silent: no more bytes pass, and neither side notices when the other closes.
    pub fn silence(&self) {
        self.for_each(|pair| {
            pair.silence(Direction::ToServer);
            pair.silence(Direction::ToClient);
        });
    }

    fn for_each(&self, act: impl Fn(&Pair)) {
        let pairs = self.shared.state.lock().unwrap().pairs.clone();
        pairs.iter().filter_map(Weak::upgrade).for_each(|pair| act(&pair));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.state.lock().unwrap().is_over = true;
        self.set_both(Path::Clear);
        self.cut();
        // Wakes the thread that accepts connections.
        let _wake = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

impl Shared {
    /// Serves a client. Closes its connection if the server refuses one.
    fn join(self: &Arc<Self>, client: TcpStream) {
        let port = self.state.lock().unwrap().server;
        let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return };
        client.set_nodelay(true).unwrap();
        server.set_nodelay(true).unwrap();
        let pair = Arc::new(Pair { client, server, is_silent: Default::default() });
        let mut state = self.state.lock().unwrap();
        state.pairs.retain(|pair| pair.strong_count() > 0);
        state.pairs.push(Arc::downgrade(&pair));
        for direction in [Direction::ToServer, Direction::ToClient] {
            let (shared, pair) = (self.clone(), pair.clone());
            thread::spawn(move || shared.pump(&pair, direction));
        }
    }

    /// Forwards the bytes of one direction until the connection ends.
    fn pump(&self, pair: &Pair, direction: Direction) {
        let (mut from, mut to) = match direction {
            Direction::ToServer => (&pair.client, &pair.server),
            Direction::ToClient => (&pair.server, &pair.client),
        };
        let mut buffer = [0; 4096];
        loop {
            let length = from.read(&mut buffer).unwrap_or(0);
            let mut bytes = &mut buffer[..length];
            let mut malformed;
            match self.path(pair, direction) {
                Path::Lost => {
                    pair.silence(direction);
                    let _until_its_end = std::io::copy(&mut from, &mut std::io::sink());
                    return;
                }
                Path::Slow(delay) => thread::sleep(delay),
                Path::Garbage if rand::random() => rand::rng().fill(bytes),
                Path::Garbage => {
                    malformed = MALFORMED[rand::rng().random_range(0..MALFORMED.len())].to_vec();
                    bytes = &mut malformed;
                }
                Path::Clear | Path::Held => {}
            }
            if length == 0 || to.write_all(bytes).is_err() {
                return pair.close();
            }
        }
    }

    /// What happens to bytes that have just arrived. Waits while they are held.
    fn path(&self, pair: &Pair, direction: Direction) -> Path {
        let is_held = |state: &mut State| state.paths[direction as usize] == Path::Held;
        let state = self.changed.wait_while(self.state.lock().unwrap(), is_held).unwrap();
        if pair.is_silent(direction) {
            return Path::Lost;
        }
        state.paths[direction as usize]
    }
}

impl Pair {
    fn is_silent(&self, direction: Direction) -> bool {
        self.is_silent[direction as usize].load(Ordering::Relaxed)
    }

    /// Loses everything in this direction from now on.
    fn silence(&self, direction: Direction) {
        self.is_silent[direction as usize].store(true, Ordering::Relaxed);
        self.drop_packets(true);
    }

    /// Starts or stops to drop the client's packets. A silent connection stays silent.
    fn drop_packets(&self, is_on: bool) {
        let is_silent = self.is_silent(Direction::ToServer) || self.is_silent(Direction::ToClient);
        set_deaf(&self.client, is_on || is_silent);
    }

    fn close(&self) {
        // An error means that the connection has already ended.
        let _client = self.client.shutdown(Shutdown::Both);
        let _server = self.server.shutdown(Shutdown::Both);
    }
}
