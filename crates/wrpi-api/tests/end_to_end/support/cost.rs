//! The memory that the process needs for a connection.

use std::thread::{scope, sleep};
use std::time::Duration;

use wrpi_test::{Api, eventually};

use super::socket::CONNECTIONS;

/// Threads share what the allocator keeps, so their number decides how much that is for a connection. This is a pod's.
pub(crate) const THREADS: (&str, &str) = ("TOKIO_WORKER_THREADS", "2");

/// Opens ten connections at a time with `open`, fifty in all, and keeps them open. Returns how many KiB the process grows
/// for each connection after the first ten, which also pay for what all share.
pub(crate) fn of_connection<S: Send>(api: &Api, open: impl Fn() -> S + Sync) -> u64 {
    let (mut kept, mut measured) = (Vec::new(), Vec::new());
    while measured.len() < 5 {
        kept.extend(scope(|scope| {
            let opening: Vec<_> = (0..10).map(|_| scope.spawn(&open)).collect();
            opening.into_iter().map(|opened| opened.join().unwrap()).collect::<Vec<_>>()
        }));
        // What has arrived must have been read when the difference is taken.
        if [0, 4].contains(&measured.len()) {
            eventually(|| growth(api), |growth| *growth < 10);
        }
        let memory = api.service.resident_kib();
        // On a slow machine, the kernel ends some before the others are open: it ends clients that read nothing.
        if api.metric(CONNECTIONS) != kept.len().to_string() {
            break;
        }
        measured.push(memory);
    }
    let [first, _, .., last] = measured[..] else { panic!("only {} were open at once", 10 * measured.len()) };
    last.saturating_sub(first) / (10 * (measured.len() as u64 - 1))
}

/// By how many KiB the process grows in a quarter of a second.
fn growth(api: &Api) -> u64 {
    let before = api.service.resident_kib();
    sleep(Duration::from_millis(250));
    api.service.resident_kib().saturating_sub(before)
}
