//! The limit of open connections, and which one is evicted when it is reached.
//!
//! At the limit, a new connection evicts the oldest one that has never authenticated. The new connection is refused
//! only if all have authenticated. One request with the password protects a connection from eviction. To keep out a
//! client with the password, an attacker must fill all places between the client's connection and its first request.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::connect_info::ConnectInfo;
use crate::metrics::ConnectionMetrics;

/// The places of one or more listeners.
pub(super) struct Places {
    max: usize,
    metrics: ConnectionMetrics,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    taken: usize,
    arrivals: u64,
    /// Candidates for eviction in order of arrival. Those that have authenticated meanwhile are skipped.
    queue: BTreeMap<u64, (Arc<ConnectInfo>, CancellationToken)>,
}

/// The place of an open connection. Dropping it frees the place.
pub(super) struct Place {
    places: Arc<Places>,
    arrival: u64,
    pub(super) connection: Arc<ConnectInfo>,
    evicted: CancellationToken,
}

impl Places {
    pub(super) fn new(max: usize, metrics: ConnectionMetrics) -> Arc<Self> {
        Arc::new(Self { max, metrics, table: Mutex::default() })
    }

    /// A place for a new connection from `peer`. `None` if authenticated connections hold all places.
    pub(super) fn take(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let mut table = self.lock();
        if table.taken < self.max {
            table.taken += 1;
        } else if table.evict() {
            self.metrics.evicted.inc();
        } else {
            self.metrics.refused.inc();
            return None;
        }
        self.metrics.active.set(table.taken as i64);
        table.arrivals += 1;
        let arrival = table.arrivals;
        let (connection, evicted) = (Arc::new(ConnectInfo::new(peer)), CancellationToken::new());
        table.queue.insert(arrival, (connection.clone(), evicted.clone()));
        Some(Place { places: self.clone(), arrival, connection, evicted })
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Evicts the oldest unauthenticated connection, if there is one. Its place goes to the new connection.
    fn evict(&mut self) -> bool {
        while let Some((_, (connection, evicted))) = self.queue.pop_first() {
            if !connection.is_authenticated() {
                evicted.cancel();
                return true;
            }
        }
        false
    }
}

impl Place {
    /// Runs `serving` until it ends. Returns `None` if the connection is evicted first. `serving` is polled before the
    /// eviction is checked, so a request that has already arrived is still answered.
    pub(super) async fn until_evicted<T>(&self, serving: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            ended = serving => Some(ended),
            () = self.evicted.cancelled() => None,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.places.lock();
        table.queue.remove(&self.arrival);
        // The place of an evicted connection already belongs to the new one.
        if !self.evicted.is_cancelled() {
            table.taken -= 1;
            self.places.metrics.active.set(table.taken as i64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use prometheus::Registry;
    use tokio::sync::watch;

    use crate::metrics::Metrics;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn a_newcomer_evicts_the_oldest_that_never_authenticated_and_nobody_else() {
        let metrics = Metrics::register(Registry::new(), watch::channel(None).1).unwrap();
        let places = Places::new(3, metrics.connections("public", 3));
        let take = || places.take(PEER).unwrap();
        let (first, second, third) = (take(), take(), take());
        second.connection.set_authenticated();
        let fourth = take();
        assert!(first.evicted.is_cancelled() && !third.evicted.is_cancelled());
        fourth.connection.set_authenticated();
        let fifth = take();
        assert!(third.evicted.is_cancelled());
        fifth.connection.set_authenticated();
        assert!(places.take(PEER).is_none(), "all have authenticated");
        assert!(![&second, &fourth, &fifth].iter().any(|place| place.evicted.is_cancelled()));
        drop((first, third));
        assert!(places.take(PEER).is_none(), "an evicted connection frees no second place");
        drop(second);
        let _sixth = take();
        assert_eq!(places.metrics.active.get(), 3);
        assert_eq!((places.metrics.evicted.get(), places.metrics.refused.get()), (2, 2));
    }
}
