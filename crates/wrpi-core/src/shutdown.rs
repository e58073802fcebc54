//! The signals that end a process.

use std::future::Future;
use std::io;

use tokio::signal::unix::{SignalKind, signal as listen};

/// Completes at the first SIGTERM or SIGINT from now on. For `main` only.
///
/// # Errors
///
/// When the process cannot listen for signals.
pub fn signal() -> io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
