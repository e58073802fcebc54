//! The signals that end a process.

use std::future::Future;

use tokio::signal::unix::{Signal, SignalKind, signal as listen};

/// Completes at the first SIGTERM or SIGINT from now on. For `main` only, which calls it first of all: as PID 1 of a
/// container a process does not obey a signal before.
///
/// # Panics
///
/// When the process cannot listen for signals, or outside a tokio runtime.
pub fn signal() -> impl Future<Output = ()> {
    let [mut terminate, mut interrupt] = [SignalKind::terminate(), SignalKind::interrupt()].map(expect);
    async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
}

fn expect(kind: SignalKind) -> Signal {
    listen(kind).unwrap_or_else(|error| panic!("cannot listen for signals: {error}"))
}
