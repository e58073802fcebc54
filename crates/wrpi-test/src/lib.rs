//! Real components for tests: a private `redis-server`, services as processes, a faulty network, certificates, HTTP
//! over a bare socket, and a load. This crate uses the other crates only as binaries.
//!
//! Everything listens on a free port and is killed on drop. Every error panics, which fails the test.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod api;
mod authority;
mod deaf;
mod flood;
mod held;
mod http;
mod load;
mod network;
mod openssl;
mod port;
mod proxy;
mod redis;
mod scripted;
mod service;
mod usage;

use std::fmt::Debug;
use std::time::{Duration, Instant};

use rand::distr::{Alphanumeric, SampleString};

pub use api::{Api, BODY, TIMESTAMP, VALUE};
pub use authority::{Authority, Pair};
pub use deaf::set_deaf;
pub use flood::{Flood, Flooded};
pub use held::terminate_at_settings;
pub use http::{Connection, Response, basic, get, send};
pub use load::{Load, Seen};
pub use network::{Nameserver, Network, SILENT, ip};
pub use openssl::OpenSsl;
pub use port::free_port;
pub use proxy::{Direction, Path, Proxy};
pub use redis::{Monitor, Redis};
pub use scripted::{Reply, Scripted};
pub use service::{Service, binary};
pub use usage::{cpu_time, resident_bytes, thread_cpu_time};

/// The timeout of every wait. It only keeps tests from hanging: nothing takes that long, even on a slow and busy
/// machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A new random password.
pub fn random_password() -> String {
    Alphanumeric.sample_string(&mut rand::rng(), 24)
}

/// Calls `attempt` until `wanted` is true for its result, and returns that result.
///
/// # Panics
///
/// When this takes longer than [`PATIENCE`].
pub fn eventually<T: Debug>(mut attempt: impl FnMut() -> T, wanted: impl Fn(&T) -> bool) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        let last = attempt();
        if wanted(&last) {
            return last;
        }
        assert!(Instant::now() < end, "timed out; last result: {last:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
