//! Output for the user who started the process.

use std::io::Write;

use tracing::warn;

/// Prints `line` on standard output. If that fails (a closed terminal, a full disk), logs a warning and continues.
pub(crate) fn print_line(line: &str) {
    if let Err(error) = writeln!(std::io::stdout(), "{line}") {
        warn!(%error, "cannot write to standard output");
    }
}
