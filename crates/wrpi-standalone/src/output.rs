//! Lines for the person who started the process.

use std::io::Write;

use tracing::warn;

/// Prints `line` on standard output. Where that is gone (a closed terminal, a full disk) the log says so and the
/// process goes on.
pub(crate) fn print_line(line: &str) {
    if let Err(error) = writeln!(std::io::stdout(), "{line}") {
        warn!(%error, "cannot write to standard output");
    }
}
