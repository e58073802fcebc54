//! Output for the user who started the process.

use std::io::Write;

use tracing::warn;
use wrpi_api::Listeners;

use crate::settings;

/// Prints the command that gets the reading, with the argument `user` of `curl -u`. Returns the base URL of the API.
///
/// # Errors
///
/// When the address of a listener is unknown.
pub(crate) fn print_command(user: &str, listeners: &Listeners) -> std::io::Result<String> {
    let url = settings::url(listeners)?;
    print_line(&format!("curl -u {user} {url}/v0/wrpi"));
    Ok(url)
}

/// Prints `line` on standard output. If that fails (a closed terminal, a full disk), logs a warning and continues.
pub(crate) fn print_line(line: &str) {
    if let Err(error) = writeln!(std::io::stdout(), "{line}") {
        warn!(%error, "cannot write to standard output");
    }
}
