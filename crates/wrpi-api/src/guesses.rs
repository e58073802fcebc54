//! Limits how many passwords a client may try.
//!
//! Each *different* wrong password takes a token from the client's bucket; the same one again does not, so that a
//! page left open over a change of the password cannot lock its whole office out. While the bucket is empty the
//! client gets nothing, not even with the right password, or it could go on guessing.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::MonotonicClock;
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use quick_cache::sync::Cache;

/// How many clients are remembered, about 20 MB of them; those that were not seen for longest are forgotten.
const CLIENTS: usize = 50_000;
/// How many of a client's wrong passwords are remembered at least; as many as it may try at once are.
const PASSWORDS: usize = 16;

/// How many guesses a client has.
#[derive(Clone, Copy, Debug)]
pub struct ThrottleLimit {
    /// How many at once.
    pub burst: NonZeroU32,
    /// The time after which one more is allowed.
    pub refill: Duration,
}

type Bucket = RateLimiter<NotKeyed, InMemoryState, MonotonicClock, StateInformationMiddleware>;

/// What is known of the clients that guessed wrong.
pub(crate) struct Guesses {
    quota: Quota,
    limit: ThrottleLimit,
    clients: Cache<IpAddr, Arc<Mutex<Client>>>,
    /// Random, so that what is kept of a password tells nothing without this process's memory.
    hasher: RandomState,
}

struct Client {
    bucket: Bucket,
    empty_until: Option<Instant>,
    /// Keyed hashes of the latest wrong passwords.
    tried: VecDeque<u64>,
}

/// The client must wait this long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Throttled(pub(crate) Duration);

impl Guesses {
    pub(crate) fn new(limit: ThrottleLimit) -> Option<Self> {
        Some(Self {
            quota: Quota::with_period(limit.refill)?.allow_burst(limit.burst),
            limit,
            clients: Cache::new(CLIENTS),
            hasher: RandomState::new(),
        })
    }

    /// Whether the client may ask at all.
    pub(crate) fn check(&self, client: IpAddr) -> Result<(), Throttled> {
        self.clients.get(&client).map_or(Ok(()), |client| lock(&client).check(Instant::now()))
    }

    /// Notes a wrong `password`.
    pub(crate) fn wrong(&self, client: IpAddr, password: &[u8]) -> Result<(), Throttled> {
        let new = || Ok::<_, std::convert::Infallible>(Arc::new(Mutex::new(Client::new(self.quota))));
        let Ok(client) = self.clients.get_or_insert_with(&client, new);
        lock(&client).wrong(self.hasher.hash_one(password), self.limit, Instant::now())
    }
}

impl Client {
    fn new(quota: Quota) -> Self {
        let bucket = RateLimiter::direct_with_clock(quota, MonotonicClock).with_middleware();
        Self { bucket, empty_until: None, tried: VecDeque::new() }
    }

    fn check(&self, now: Instant) -> Result<(), Throttled> {
        match self.empty_until.map(|end| end.saturating_duration_since(now)) {
            Some(wait) if !wait.is_zero() => Err(Throttled(wait)),
            _ => Ok(()),
        }
    }

    fn wrong(&mut self, hash: u64, limit: ThrottleLimit, now: Instant) -> Result<(), Throttled> {
        self.check(now)?;
        if self.tried.contains(&hash) {
            return Ok(());
        }
        if self.tried.len() >= PASSWORDS.max(limit.burst.get() as usize) {
            self.tried.pop_front();
        }
        self.tried.push_back(hash);
        // Whoever takes the last token has told us when the next one is there.
        if self.bucket.check().map_or(0, |state| state.remaining_burst_capacity()) == 0 {
            self.empty_until = Some(now + limit.refill);
        }
        Ok(())
    }
}

/// A panic while it was held cannot have left it half-changed.
fn lock(client: &Mutex<Client>) -> MutexGuard<'_, Client> {
    client.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFICE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const ELSEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn guesses(burst: u32, refill: Duration) -> Guesses {
        Guesses::new(ThrottleLimit { burst: NonZeroU32::new(burst).unwrap(), refill }).unwrap()
    }

    #[test]
    fn different_wrong_passwords_empty_the_bucket_and_the_same_one_does_not() {
        let guesses = guesses(3, Duration::from_secs(60));
        for _ in 0..100 {
            assert_eq!(guesses.wrong(OFFICE, b"old"), Ok(()));
        }
        for (password, left) in [(&b"a"[..], true), (b"b", false)] {
            assert_eq!(guesses.wrong(OFFICE, password), Ok(()));
            assert_eq!(guesses.check(OFFICE).is_ok(), left);
        }
        for password in [&b"c"[..], b"old"] {
            let Throttled(wait) = guesses.wrong(OFFICE, password).unwrap_err();
            assert!(wait <= Duration::from_secs(60) && wait > Duration::from_secs(50), "{wait:?}");
        }
        assert_eq!(guesses.check(ELSEWHERE), Ok(()));
        assert_eq!(guesses.wrong(ELSEWHERE, b"a"), Ok(()));
    }

    #[test]
    fn a_token_comes_back_with_time() {
        let guesses = guesses(1, Duration::from_millis(30));
        assert_eq!(guesses.wrong(OFFICE, b"a"), Ok(()));
        let Throttled(wait) = guesses.check(OFFICE).unwrap_err();
        std::thread::sleep(wait);
        assert_eq!(guesses.check(OFFICE), Ok(()));
        assert_eq!(guesses.wrong(OFFICE, b"b"), Ok(()));
        assert!(guesses.check(OFFICE).is_err());
    }

    #[test]
    fn memory_is_bounded_whoever_comes() {
        let guesses = guesses(3, Duration::from_secs(60));
        for n in 0..2 * u32::try_from(CLIENTS).unwrap() {
            assert_eq!(guesses.wrong(IpAddr::V4(n.into()), b"a"), Ok(()));
        }
        assert!(guesses.clients.len() <= CLIENTS);
    }
}
