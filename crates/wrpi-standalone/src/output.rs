//! Output for the user who started the process.

use std::io::Write;
use std::net::SocketAddr;

use tracing::warn;
use wrpi_api::Listeners;

use crate::settings;

/// Prints the command that gets the reading, with the argument `user` of `curl -u`. Returns what
/// [`settings::endpoint`] does.
///
/// # Errors
///
/// When the address of a listener is unknown.
pub(crate) fn print_command(user: &str, listeners: &Listeners) -> std::io::Result<(&'static str, SocketAddr)> {
    let (scheme, api) = settings::endpoint(listeners)?;
    print_line(&format!("curl -u {user} {scheme}://{}/v0/wrpi", settings::reachable(api)));
    Ok((scheme, api))
}

/// Prints `line` on standard output. If that fails (a closed terminal, a full disk), logs a warning and continues.
pub(crate) fn print_line(line: &str) {
    if let Err(error) = writeln!(std::io::stdout(), "{line}") {
        warn!(%error, "cannot write to standard output");
    }
}
