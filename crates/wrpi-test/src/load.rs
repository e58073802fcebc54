//! Sends requests at a constant rate and records what clients see while something breaks.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::{Connection, basic, eventually};

/// Number of clients. Each keeps one connection and has at most one request in flight.
const CLIENTS: usize = 64;

/// Clients that together start a request at each tick of a clock. Slow responses do not reduce the rate, unless all
/// clients wait.
///
/// Each client follows HTTP and does nothing more: it keeps its connection until the server closes it or sends
/// `Connection: close`, and never retries a request. With several addresses, as behind a load balancer, a client whose
/// connection is refused tries the next address.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    addresses: Vec<String>,
    credentials: String,
    began: Instant,
    interval: Duration,
    ticks: AtomicU64,
    is_over: AtomicBool,
    seen: Mutex<Seen>,
}

/// What the clients have seen.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Completed requests, successful or not.
    pub sent: u64,
    /// Requests without a complete 200: the time and the reason of each failure.
    pub failures: Vec<(Instant, String)>,
    /// The longest time without a successful response.
    pub longest_gap: Duration,
    /// When each body was first received.
    pub bodies: HashMap<String, Instant>,
    /// When the last successful response was received.
    pub last_good: Instant,
}

impl Load {
    /// Starts to send `rate` requests per second for `/v0/wrpi`, at `addresses` with `password`.
    pub fn start(addresses: &[String], password: &str, rate: u32) -> Self {
        let began = Instant::now();
        let nothing = Seen {
            sent: 0,
            failures: Vec::new(),
            longest_gap: Duration::ZERO,
            bodies: HashMap::new(),
            last_good: began,
        };
        let shared = Arc::new(Shared {
            addresses: addresses.to_vec(),
            credentials: basic(&format!("any:{password}")),
            began,
            interval: Duration::from_secs(1) / rate,
            ticks: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
            seen: Mutex::new(nothing),
        });
        let client = |number| {
            let shared = shared.clone();
            thread::spawn(move || shared.run_client(number))
        };
        let clients = (0..CLIENTS).map(client).collect();
        Self { shared, clients }
    }

    /// What the clients have seen so far.
    pub fn seen(&self) -> Seen {
        self.shared.seen.lock().unwrap().clone()
    }

    /// Waits until a client receives `body`. Returns the time of the first receipt.
    pub fn first(&self, body: &str) -> Instant {
        eventually(|| self.shared.seen.lock().unwrap().bodies.get(body).copied(), Option::is_some).unwrap()
    }

    /// Waits for a successful response after `start`. Returns the time of its receipt.
    pub fn good_after(&self, start: Instant) -> Instant {
        eventually(|| self.shared.seen.lock().unwrap().last_good, |good| *good > start)
    }

    /// Stops the load after the requests in flight are answered. The rate was kept if [`Seen::sent`] is close to
    /// [`Load::due`].
    pub fn stop(mut self) -> Seen {
        let stopped = Instant::now();
        self.end().unwrap();
        let mut seen = self.seen();
        seen.longest_gap = seen.longest_gap.max(stopped.saturating_duration_since(seen.last_good));
        seen
    }

    /// How many requests the rate requires by now.
    pub fn due(&self) -> u64 {
        (self.shared.began.elapsed().as_nanos() / self.shared.interval.as_nanos()) as u64
    }

    fn end(&mut self) -> thread::Result<()> {
        self.shared.is_over.store(true, Ordering::Relaxed);
        self.clients.drain(..).try_for_each(JoinHandle::join)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // A thread that panicked has already printed why.
        let _result = self.end();
    }
}

impl Shared {
    fn run_client(&self, number: usize) {
        let mut kept = None;
        loop {
            let tick = self.ticks.fetch_add(1, Ordering::Relaxed);
            let due = self.began + self.interval * u32::try_from(tick).expect("a load lasts days at most");
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if self.is_over.load(Ordering::Relaxed) {
                return;
            }
            let answer = self.ask(&mut kept, number);
            self.seen.lock().unwrap().note(answer);
        }
    }

    /// Sends one request on the `kept` connection, or on a new one if that has ended. Returns the body.
    fn ask(&self, kept: &mut Option<Connection>, number: usize) -> Result<String, String> {
        let mut connection = match kept.take().filter(|connection| !connection.has_ended()) {
            Some(connection) => connection,
            None => self.connect(number).map_err(|error| format!("connecting: {error}"))?,
        };
        let headers = [("Authorization", self.credentials.as_str())];
        let answer = connection.request("GET", "/v0/wrpi", &headers).map_err(|error| format!("no answer: {error}"))?;
        if answer.status != 200 {
            return Err(format!("status {}", answer.status));
        }
        if answer.header("connection") != Some("close") {
            *kept = Some(connection);
        }
        Ok(answer.body)
    }

    fn connect(&self, number: usize) -> std::io::Result<Connection> {
        let first = number % self.addresses.len();
        let (before, from_first) = self.addresses.split_at(first);
        let mut result = Err(std::io::ErrorKind::NotFound.into());
        for address in from_first.iter().chain(before) {
            result = Connection::open(address);
            if result.is_ok() {
                break;
            }
        }
        result
    }
}

impl Seen {
    fn note(&mut self, answer: Result<String, String>) {
        let now = Instant::now();
        self.sent += 1;
        match answer {
            Ok(body) => {
                self.longest_gap = self.longest_gap.max(now - self.last_good);
                self.last_good = now;
                self.bodies.entry(body).or_insert(now);
            }
            Err(what) => self.failures.push((now, what)),
        }
    }
}
