//! The signals that stop a process.

use std::future::Future;

use tokio::signal::unix::{Signal, SignalKind, signal as listen};

/// Completes at the first SIGTERM, SIGINT or SIGHUP after the call. Only `main` calls this, before anything else, because
/// a process with PID 1 in a container ignores these signals until it handles them. A SIGHUP that is ignored, as `nohup`
/// does it, stays ignored.
///
/// # Panics
///
/// When the process cannot listen for signals, or outside a tokio runtime.
pub fn signal() -> impl Future<Output = ()> {
    let [mut terminate, mut interrupt] = [SignalKind::terminate(), SignalKind::interrupt()].map(expect);
    let mut hangup = is_hangup_fatal().then(|| expect(SignalKind::hangup()));
    async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = async { hangup.as_mut()?.recv().await }, if hangup.is_some() => {}
        }
    }
}

/// Whether SIGHUP would end the process. Where this cannot be known (outside Linux), the answer is no, so that the signal
/// keeps its effect.
fn is_hangup_fatal() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // SIGHUP is number 1, the lowest bit.
    ignored.is_some_and(|mask| mask & 1 == 0)
}

fn expect(kind: SignalKind) -> Signal {
    listen(kind).unwrap_or_else(|error| panic!("cannot listen for signals: {error}"))
}
