//! The signals that stop a process.

use std::future::Future;

use tokio::signal::unix::{Signal, SignalKind, signal as listen};

/// Completes at the first SIGTERM or SIGINT after the call. Only `main` calls this, before anything else, because a
/// process with PID 1 in a container ignores these signals until it handles them.
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
