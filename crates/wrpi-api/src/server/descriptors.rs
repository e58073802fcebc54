//! File descriptors. Every connection needs one, and public connections must leave some free.

use rlimit::{Resource, increase_nofile_limit};
use tracing::warn;

/// Maximum connections of the admin listener, which do not count towards `MAX_CONNECTIONS`. With few descriptors, a
/// sixteenth of them.
const ADMIN_CONNECTIONS: u64 = 256;
/// Reserved for Redis, the listeners, the runtime, files, and evicted connections that are not closed yet. With few
/// descriptors an eighth of them, but at least [`MIN_RESERVED`].
const RESERVED: u64 = 64;
const MIN_RESERVED: u64 = 32;

/// How many connections the listeners may hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) public: usize,
    pub(super) admin: usize,
}

/// Raises the limit of open files as far as allowed, and divides it. Of the `wanted` public connections, as many are
/// allowed as fit.
pub(super) fn limits(wanted: usize) -> Limits {
    let open_files =
        increase_nofile_limit(u64::MAX).or_else(|_refused| Resource::NOFILE.get_soft()).unwrap_or(u64::MAX);
    let limits = divide(open_files, wanted);
    if limits.public < wanted {
        warn!(
            max_connections = wanted,
            open_files,
            allowed = limits.public,
            "the limit of open files allows fewer connections than MAX_CONNECTIONS"
        );
    }
    limits
}

fn divide(open_files: u64, wanted: usize) -> Limits {
    let admin = (open_files / 16).clamp(1, ADMIN_CONNECTIONS);
    let reserved = (open_files / 8).clamp(MIN_RESERVED, RESERVED);
    let allowed = usize::try_from(open_files.saturating_sub(admin + reserved)).unwrap_or(usize::MAX).max(1);
    Limits { public: allowed.min(wanted), admin: admin as usize }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allows_as_many_connections_as_fit_beside_the_reserve() {
        for (open_files, wanted, public, admin) in [
            (1 << 20, 10_000, 10_000, 256),
            (10_240, 10_000, 9_920, 256),
            (4_096, 10_000, 3_776, 256),
            (1_024, 10_000, 896, 64),
            (256, 10_000, 208, 16),
            (256, 3, 3, 16),
            (40, 10_000, 6, 2),
            (8, 10_000, 1, 1),
        ] {
            assert_eq!(divide(open_files, wanted), Limits { public, admin }, "{open_files} open files");
        }
    }
}
