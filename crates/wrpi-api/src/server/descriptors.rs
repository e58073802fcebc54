//! File descriptors. Every connection needs one, and public connections must leave some free.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tracing::warn;

/// Maximum connections of the admin listener, which do not count towards `MAX_CONNECTIONS`. With few descriptors, a
/// sixteenth of them.
const ADMIN_CONNECTIONS: u64 = 256;
/// Reserved for Redis, the listeners, the runtime, files, and evicted connections that are not closed yet. With few
/// descriptors an eighth of them, but at least [`MIN_RESERVED`].
const RESERVED: u64 = 64;
const MIN_RESERVED: u64 = 32;
/// Values to try if the hard limit itself is refused. macOS calls it unlimited, but refuses more than `OPEN_MAX` (10240)
/// or a limit of the kernel's.
const VALUES: [u64; 5] = [1 << 20, 1 << 16, 10_240, 4_096, 1_024];

/// How many connections the listeners may hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) public: usize,
    pub(super) admin: usize,
}

/// Raises the limit of open files as far as allowed, and divides it. Of the `wanted` public connections, as many are
/// allowed as fit.
pub(super) fn limits(wanted: usize) -> Limits {
    let open_files = getrlimit(Resource::RLIMIT_NOFILE)
        .map(|(soft, hard)| raise(soft, hard, |value| setrlimit(Resource::RLIMIT_NOFILE, value, hard).is_ok()));
    let limits = divide(open_files.unwrap_or(u64::MAX), wanted);
    if limits.public < wanted {
        warn!(
            max_connections = wanted,
            open_files = open_files.unwrap_or(u64::MAX),
            allowed = limits.public,
            "the limit of open files allows fewer connections than MAX_CONNECTIONS"
        );
    }
    limits
}

/// The highest limit that `set` accepts, at least `soft`.
fn raise(soft: u64, hard: u64, mut set: impl FnMut(u64) -> bool) -> u64 {
    let values = [hard].into_iter().chain(VALUES).filter(|value| (soft + 1..=hard).contains(value));
    let mut accepted = values.filter(|value| set(*value));
    accepted.next().unwrap_or(soft)
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
    fn raises_the_limit_to_the_highest_value_that_the_system_accepts() {
        let unlimited = u64::MAX;
        assert_eq!(raise(1_024, 4_096, |_| true), 4_096);
        assert_eq!(raise(256, unlimited, |value| value <= 10_240), 10_240, "macOS");
        assert_eq!(raise(256, unlimited, |value| value <= 9_000), 4_096);
        assert_eq!(raise(256, unlimited, |_| false), 256);
        assert_eq!(raise(256, 256, |_| panic!("there is nothing to raise")), 256);
        assert_eq!(raise(unlimited - 1, unlimited, |_| true), unlimited);
    }

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
