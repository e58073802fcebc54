//! File descriptors. Every connection needs one, and public connections must leave some free.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tracing::warn;

/// Reserved for the admin listener's connections, Redis, the listeners and files.
const RESERVED: u64 = 320;

/// Raises the limit of open files as far as allowed. Returns how many of the `wanted` connections fit.
pub(super) fn within_limit(wanted: usize) -> usize {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return wanted };
    let limit = if setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() { hard } else { soft };
    let allowed = usize::try_from(limit.saturating_sub(RESERVED)).unwrap_or(usize::MAX).max(1);
    if allowed < wanted {
        warn!(
            max_connections = wanted,
            open_files = limit,
            allowed,
            "the limit of open files allows fewer connections than MAX_CONNECTIONS"
        );
    }
    allowed.min(wanted)
}
