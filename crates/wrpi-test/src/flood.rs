//! Opens connections at a constant rate, regardless of how the server reacts. Each stays open until the server closes
//! it.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncWriteExt, copy, sink};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{interval, timeout};

use crate::PATIENCE;

/// Maximum open connections. At the maximum, a flood waits until the server closes some.
const MAX_HELD: usize = 3_000;
/// How many sessions can be opening at once.
const SESSION_THREADS: usize = 8;

/// Clients that open connections and send little or nothing on them. They close a connection when the server does, and
/// the others when the flood ends. It stops by itself after [`PATIENCE`].
#[derive(Debug)]
pub struct Flood {
    began: Instant,
    opened: Arc<AtomicU64>,
    runtime: Option<Runtime>,
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
        let address: SocketAddr = address.parse().unwrap();
        Self::start(rate, MAX_HELD, move |number| async move {
            let mut stream = tokio::net::TcpStream::connect(address).await?;
            stream.write_all(openings[number % openings.len()]).await?;
            Ok(stream)
        })
    }

    /// Opens up to `rate` sessions a second. `open` opens one session and does everything that such a client does.
    pub fn of_sessions(open: impl Fn() -> std::io::Result<TcpStream> + Send + Sync + 'static, rate: u32) -> Self {
        let open = Arc::new(open);
        Self::start(rate, SESSION_THREADS, move |_| {
            let open = open.clone();
            async move {
                let stream = spawn_blocking(move || open()).await.unwrap()?;
                stream.set_nonblocking(true)?;
                tokio::net::TcpStream::from_std(stream)
            }
        })
    }

    /// `open` runs `concurrent` times at once, at most.
    fn start<F>(rate: u32, concurrent: usize, open: impl Fn(usize) -> F + Send + 'static) -> Self
    where
        F: Future<Output = std::io::Result<tokio::net::TcpStream>> + Send + 'static,
    {
        let (_, max) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        setrlimit(Resource::RLIMIT_NOFILE, max, max).unwrap();
        let opened = Arc::<AtomicU64>::default();
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let count = opened.clone();
        let open_all = async move {
            let (held, opening) = (Arc::new(Semaphore::new(MAX_HELD)), Arc::new(Semaphore::new(concurrent)));
            let mut ticks = interval(Duration::from_secs(1) / rate);
            for number in 0.. {
                let place = held.clone().acquire_owned().await;
                let turn = opening.clone().acquire_owned().await;
                ticks.tick().await;
                let (opened, count) = (open(number), count.clone());
                tokio::spawn(async move {
                    // Connections that the server refuses, or closes before their opening, do not count.
                    if let Ok(mut stream) = opened.await {
                        count.fetch_add(1, Ordering::Relaxed);
                        drop(turn);
                        let _until_its_end = copy(&mut stream, &mut sink()).await;
                    }
                    drop(place);
                });
            }
        };
        runtime.spawn(async { timeout(PATIENCE, open_all).await });
        Self { began: Instant::now(), opened, runtime: Some(runtime) }
    }

    /// How many connections have been opened so far.
    pub fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Stops the flood and closes all its connections.
    pub fn stop(self) -> Flooded {
        let (opened, seconds) = (self.opened(), self.began.elapsed().as_secs_f64());
        Flooded { opened, rate: opened as f64 / seconds }
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(PATIENCE);
        }
    }
}
