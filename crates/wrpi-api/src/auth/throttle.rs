//! Limits how many passwords a client may try.
//!
//! Each *different* wrong password takes a token from the client's bucket. The same one again does not, so that a page
//! left open over a change of the password cannot lock out its whole office. While the bucket is empty the client gets
//! nothing, not even with the right password: otherwise it could go on guessing.
//!
//! The bucket is one instant (GCRA): when it will be full again. The time is a parameter.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use quick_cache::sync::Cache;

/// Maximum number of remembered clients, about 20 MB. Those not seen for longest are forgotten.
const CLIENTS: usize = 50_000;
/// Minimum number of remembered wrong passwords of a client. At least a full burst is remembered.
const PASSWORDS: usize = 16;

/// How many different wrong passwords a client may try.
#[derive(Clone, Copy, Debug)]
pub struct ThrottleLimit {
    /// How many at once.
    pub burst: NonZeroU32,
    /// The time after which one more is allowed.
    pub refill: Duration,
}

/// What is known of the clients that sent wrong passwords.
pub(super) struct Throttle {
    limit: ThrottleLimit,
    clients: Cache<IpAddr, Arc<Mutex<Client>>>,
    /// Keyed with random numbers: a hash reveals nothing about the password without this process's memory.
    hasher: RandomState,
}

struct Client {
    /// When the bucket is full again, if no further token is taken.
    full_at: Instant,
    /// Keyed hashes of the latest wrong passwords.
    tried: VecDeque<u64>,
}

/// The client must wait this long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Throttled(pub(super) Duration);

impl Throttle {
    pub(super) fn new(limit: ThrottleLimit) -> Self {
        Self { limit, clients: Cache::new(CLIENTS), hasher: RandomState::new() }
    }

    /// Whether the client may send credentials at all.
    pub(super) fn check(&self, client: IpAddr, now: Instant) -> Result<(), Throttled> {
        self.clients.get(&client).map_or(Ok(()), |client| lock(&client).check(self.limit, now))
    }

    /// Counts a wrong `password`, or refuses it like [`Throttle::check`].
    pub(super) fn record_wrong(&self, client: IpAddr, password: &[u8], now: Instant) -> Result<(), Throttled> {
        let new = || Ok::<_, std::convert::Infallible>(Arc::new(Mutex::new(Client::new(now))));
        let Ok(client) = self.clients.get_or_insert_with(&client, new);
        lock(&client).record_wrong(self.hasher.hash_one(password), self.limit, now)
    }
}

impl Client {
    fn new(now: Instant) -> Self {
        Self { full_at: now, tried: VecDeque::new() }
    }

    fn check(&self, limit: ThrottleLimit, now: Instant) -> Result<(), Throttled> {
        let until_full = self.full_at.saturating_duration_since(now);
        // With one token in it, the bucket is full after burst - 1 refills.
        match until_full.checked_sub(limit.refill * (limit.burst.get() - 1)) {
            Some(wait) if !wait.is_zero() => Err(Throttled(wait)),
            _ => Ok(()),
        }
    }

    fn record_wrong(&mut self, hash: u64, limit: ThrottleLimit, now: Instant) -> Result<(), Throttled> {
        self.check(limit, now)?;
        if self.tried.contains(&hash) {
            return Ok(());
        }
        if self.tried.len() >= PASSWORDS.max(limit.burst.get() as usize) {
            self.tried.pop_front();
        }
        self.tried.push_back(hash);
        self.full_at = self.full_at.max(now) + limit.refill;
        Ok(())
    }
}

/// A panic while the lock was held cannot have left the client half-changed.
fn lock(client: &Mutex<Client>) -> MutexGuard<'_, Client> {
    client.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFICE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const MINUTE: Duration = Duration::from_secs(60);

    fn throttle(burst: u32) -> Throttle {
        Throttle::new(ThrottleLimit { burst: NonZeroU32::new(burst).unwrap(), refill: MINUTE })
    }

    #[test]
    fn one_token_comes_back_per_refill_and_never_more_than_the_burst() {
        let (throttle, start) = (throttle(2), Instant::now());
        let guess = |password: &[u8], after| throttle.record_wrong(OFFICE, password, start + after);
        assert_eq!(guess(b"a", Duration::ZERO), Ok(()));
        assert_eq!(guess(b"b", Duration::ZERO), Ok(()));
        assert_eq!(guess(b"c", MINUTE / 4), Err(Throttled(MINUTE * 3 / 4)));
        assert_eq!(guess(b"c", MINUTE), Ok(()));
        assert_eq!(guess(b"d", MINUTE), Err(Throttled(MINUTE)));
        for password in [b"e", b"f"] {
            assert_eq!(guess(password, MINUTE * 100), Ok(()));
        }
        assert_eq!(guess(b"g", MINUTE * 100), Err(Throttled(MINUTE)));
    }

    #[test]
    fn memory_is_bounded_for_any_number_of_clients() {
        let (throttle, now) = (throttle(3), Instant::now());
        for n in 0..2 * u32::try_from(CLIENTS).unwrap() {
            assert_eq!(throttle.record_wrong(IpAddr::V4(n.into()), b"a", now), Ok(()));
        }
        assert!(throttle.clients.len() <= CLIENTS);
    }
}
