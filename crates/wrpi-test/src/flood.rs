//! Opens connections at a constant rate, regardless of how the server reacts. Each stays open until the server closes
//! it.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, connect, socket};

use crate::PATIENCE;

/// Maximum open connections per thread. At the maximum, a thread waits until the server closes some.
const MAX_HELD: usize = 3_000;
/// A flood stops by itself after this many connections, or after [`PATIENCE`].
const MAX_OPENED: u64 = 500_000;
/// How often a thread checks which of its connections the server has closed.
const SWEEP: Duration = Duration::from_millis(50);
/// How many sessions can be opening at once.
const SESSION_THREADS: usize = 8;

/// Clients that open connections and send little or nothing on them. They close a connection when the server does, and
/// the others when the flood ends.
#[derive(Debug)]
pub struct Flood {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    began: Instant,
    interval: Duration,
    ticks: AtomicU64,
    opened: AtomicU64,
    is_over: AtomicBool,
}

/// The outcome of a flood.
#[derive(Clone, Copy, Debug)]
pub struct Flooded {
    /// Connections that were established and sent their opening bytes.
    pub opened: u64,
    /// `opened` per second.
    pub rate: f64,
}

impl Flood {
    /// Opens `rate` connections a second at `address`. Each sends one of the `openings`, in rotation, and then nothing.
    pub fn of_bytes(address: &str, openings: &'static [&'static [u8]], rate: u32) -> Self {
        let address: SocketAddrV4 = address.parse().unwrap();
        Self::start(1, rate, move |number| {
            let opening = openings[number as usize % openings.len()];
            Ok((connect_without_waiting(address)?, opening))
        })
    }

    /// Opens up to `rate` sessions a second. `open` opens one session and does everything that such a client does.
    pub fn of_sessions(open: impl Fn() -> std::io::Result<TcpStream> + Send + Sync + 'static, rate: u32) -> Self {
        Self::start(SESSION_THREADS, rate, move |_| Ok((open()?, b"")))
    }

    fn start<O>(threads: usize, rate: u32, open: O) -> Self
    where
        O: Fn(u64) -> std::io::Result<(TcpStream, &'static [u8])> + Send + Sync + 'static,
    {
        let (_, max) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        setrlimit(Resource::RLIMIT_NOFILE, max, max).unwrap();
        let shared = Arc::new(Shared {
            began: Instant::now(),
            interval: Duration::from_secs(1) / rate,
            ticks: AtomicU64::new(0),
            opened: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
        });
        let open = Arc::new(open);
        let run = |_| {
            let (shared, open) = (shared.clone(), open.clone());
            thread::spawn(move || shared.run(&*open))
        };
        let threads = (0..threads).map(run).collect();
        Self { shared, threads }
    }

    /// How many connections have been opened so far.
    pub fn opened(&self) -> u64 {
        self.shared.opened.load(Ordering::Relaxed)
    }

    /// Stops the flood and closes all its connections.
    pub fn stop(mut self) -> Flooded {
        let (opened, seconds) = (self.opened(), self.shared.began.elapsed().as_secs_f64());
        self.end().unwrap();
        Flooded { opened, rate: opened as f64 / seconds }
    }

    fn end(&mut self) -> thread::Result<()> {
        self.shared.is_over.store(true, Ordering::Relaxed);
        self.threads.drain(..).try_for_each(JoinHandle::join)
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        // A thread that panicked has already printed why.
        let _result = self.end();
    }
}

impl Shared {
    fn run(&self, open: &impl Fn(u64) -> std::io::Result<(TcpStream, &'static [u8])>) {
        let mut held = Held::default();
        let mut swept = Instant::now();
        while !self.is_over() {
            if swept.elapsed() >= SWEEP || held.count() >= MAX_HELD {
                self.opened.fetch_add(held.sweep(), Ordering::Relaxed);
                swept = Instant::now();
            }
            if held.count() >= MAX_HELD {
                thread::sleep(SWEEP / 5);
                continue;
            }
            let tick = self.ticks.fetch_add(1, Ordering::Relaxed);
            let due = self.began + self.interval * u32::try_from(tick).unwrap();
            thread::sleep(due.saturating_duration_since(Instant::now()));
            // Connections that the server refuses, or closes before their opening, do not count.
            if let Ok((stream, opening)) = open(tick) {
                self.opened.fetch_add(held.begin(stream, opening), Ordering::Relaxed);
            }
        }
        self.opened.fetch_add(held.sweep(), Ordering::Relaxed);
    }

    fn is_over(&self) -> bool {
        let at_limit = self.began.elapsed() > PATIENCE || self.opened.load(Ordering::Relaxed) > MAX_OPENED;
        at_limit || self.is_over.load(Ordering::Relaxed)
    }
}

/// The connections of one thread.
#[derive(Default)]
struct Held {
    /// Each with the opening that it sends once it is established.
    connecting: Vec<(TcpStream, &'static [u8])>,
    open: Vec<TcpStream>,
}

impl Held {
    fn count(&self) -> usize {
        self.connecting.len() + self.open.len()
    }

    /// Sends `opening` if the connection is established. Returns 1 if it is, else 0.
    fn begin(&mut self, stream: TcpStream, opening: &'static [u8]) -> u64 {
        if stream.peer_addr().is_err() {
            // The server's accept queue is full, or the server has already closed the connection.
            if matches!(stream.take_error(), Ok(None)) {
                self.connecting.push((stream, opening));
            }
            return 0;
        }
        stream.set_nonblocking(true).unwrap();
        // A few bytes always fit, unless the server has already closed the connection.
        if (&stream).write_all(opening).is_ok() {
            self.open.push(stream);
        }
        1
    }

    /// Closes the connections that the server has closed. Begins those that have become established, and returns their
    /// number.
    fn sweep(&mut self) -> u64 {
        self.open.retain(is_open);
        std::mem::take(&mut self.connecting).into_iter().map(|(stream, opening)| self.begin(stream, opening)).sum()
    }
}

/// Whether the server has not closed the connection. Discards the bytes that it has sent.
fn is_open(stream: &TcpStream) -> bool {
    let mut stream = stream;
    loop {
        match stream.read(&mut [0; 1024]) {
            Ok(1..) => {}
            Ok(0) => return false,
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
    }
}

/// Begins to connect. The standard library would wait if the server's accept queue is full.
fn connect_without_waiting(address: SocketAddrV4) -> std::io::Result<TcpStream> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Inet, SockType::Stream, flags, None)?;
    match connect(socket.as_raw_fd(), &SockaddrIn::from(address)) {
        Ok(()) | Err(Errno::EINPROGRESS) => Ok(TcpStream::from(socket)),
        Err(error) => Err(error.into()),
    }
}
