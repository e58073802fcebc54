//! Limits how many passwords a client may try.
//!
//! Each *different* wrong password takes a token from the client's bucket. Repeating a password takes none: a page with
//! an outdated password must not lock out everybody behind the same address. While the bucket is empty, the client is
//! refused even with the correct password. Otherwise it could continue to guess.
//!
//! A bucket is stored as one instant, the time at which it will be full again (GCRA).

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use quick_cache::sync::Cache;

/// Maximum number of remembered clients, about 20 MB. The least recently seen ones are evicted.
const CLIENTS: usize = 50_000;
/// How many wrong passwords of a client are remembered, or a full burst if that is more.
const PASSWORDS: usize = 16;

/// How many different wrong passwords a client may try.
#[derive(Clone, Copy, Debug)]
pub struct ThrottleLimit {
    /// Number of passwords that may be tried at once.
    pub burst: NonZeroU32,
    /// Time until one more is allowed.
    pub refill: Duration,
}

/// The clients that have sent wrong passwords.
pub(super) struct Throttle {
    limit: ThrottleLimit,
    clients: Cache<IpAddr, Arc<Mutex<Client>>>,
    /// Randomly keyed, so a hash reveals nothing about the password without the key.
    hasher: RandomState,
}

struct Client {
    /// When the bucket is full again, if no further token is taken.
    full_at: Instant,
    /// Keyed hashes of the most recent wrong passwords.
    tried: VecDeque<u64>,
}

/// The client must wait for this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Throttled(pub(super) Duration);

impl Throttle {
    pub(super) fn new(limit: ThrottleLimit) -> Self {
        Self { limit, clients: Cache::new(CLIENTS), hasher: RandomState::new() }
    }

    /// Refuses the client while its bucket is empty.
    pub(super) fn check(&self, client: IpAddr, now: Instant) -> Result<(), Throttled> {
        self.clients.get(&client).map_or(Ok(()), |client| client.lock().check(self.limit, now))
    }

    /// Records a wrong `password`, or refuses the client like [`Throttle::check`].
    pub(super) fn record_wrong(&self, client: IpAddr, password: &[u8], now: Instant) -> Result<(), Throttled> {
        let new = || Ok::<_, std::convert::Infallible>(Arc::new(Mutex::new(Client::new(now))));
        let Ok(client) = self.clients.get_or_insert_with(&client, new);
        client.lock().record_wrong(self.hasher.hash_one(password), self.limit, now)
    }
}

impl Client {
    fn new(now: Instant) -> Self {
        Self { full_at: now, tried: VecDeque::new() }
    }

    fn check(&self, limit: ThrottleLimit, now: Instant) -> Result<(), Throttled> {
        let until_full = self.full_at.saturating_duration_since(now);
        // A bucket with one token is full after burst - 1 refills.
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

#[cfg(test)]
mod tests {
    use super::*;

    const OFFICE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const MINUTE: Duration = Duration::from_secs(60);

    fn throttle(burst: u32) -> Throttle {
        Throttle::new(ThrottleLimit { burst: NonZeroU32::new(burst).unwrap(), refill: MINUTE })
    }

    #[test]
    fn refills_one_token_at_a_time_up_to_the_burst() {
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
    fn forgets_the_wrong_password_that_was_tried_first() {
        let (throttle, start) = (throttle(1), Instant::now());
        let mut minutes = 0;
        // Each attempt comes when the bucket is full again. If it takes the token, the client must wait.
        let mut takes_token = |password: usize| {
            minutes += 1;
            let now = start + MINUTE * minutes;
            assert_eq!(throttle.record_wrong(OFFICE, &password.to_be_bytes(), now), Ok(()));
            throttle.check(OFFICE, now).is_err()
        };
        assert!((0..PASSWORDS).all(&mut takes_token));
        assert!(!(0..PASSWORDS).any(&mut takes_token), "all are remembered");
        assert!(takes_token(PASSWORDS), "the next one is new");
        assert!(!(1..=PASSWORDS).any(&mut takes_token), "the later ones are still remembered");
        assert!(takes_token(0), "the first one is forgotten");
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
