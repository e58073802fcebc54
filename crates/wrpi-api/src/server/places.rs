//! The limit of open connections, and which one is evicted when it is reached.
//!
//! At the limit, a new connection evicts another one, in this order:
//!
//! 1. A connection whose client has closed its sending side, or has reset it, authenticated or not. Nearly always that
//!    client is gone. Those go first, because clients that reconnect after a loss of the network have not authenticated
//!    yet: otherwise they would evict each other while their old connections are still there.
//! 2. The oldest connection that has never authenticated. One request with the password protects a connection. To keep out
//!    a client with the password, an attacker must fill all places between the client's connection and its first request.
//!
//! The new connection is refused only if all others have authenticated and are open.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::hang_ups::HangUps;
use crate::connect_info::ConnectInfo;
use crate::metrics::ConnectionMetrics;

/// The places of one or more listeners.
pub(super) struct Places {
    max: usize,
    pub(super) metrics: ConnectionMetrics,
    hang_ups: HangUps,
    table: Mutex<Table>,
}

/// Connections by the order of their arrival.
#[derive(Default)]
struct Table {
    arrivals: u64,
    open: BTreeMap<u64, (Arc<ConnectInfo>, CancellationToken)>,
    /// Those whose client has closed its sending side, as far as the kernel was asked.
    half_closed: BTreeSet<u64>,
    /// Those that had not authenticated when the table was last searched.
    unauthenticated: BTreeSet<u64>,
}

/// The place of an open connection. Dropping it frees the place.
pub(super) struct Place {
    pub(super) places: Arc<Places>,
    arrival: u64,
    pub(super) connection: Arc<ConnectInfo>,
    evicted: CancellationToken,
}

impl Places {
    /// # Errors
    ///
    /// If no file descriptor is free.
    pub(super) fn new(max: usize, metrics: ConnectionMetrics) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self { max, metrics, hang_ups: HangUps::new()?, table: Mutex::default() }))
    }

    /// A place for a new connection from `peer` over `socket`. `None` if authenticated connections hold all places.
    pub(super) fn take(self: &Arc<Self>, peer: IpAddr, socket: impl AsFd) -> Option<Place> {
        let mut table = self.lock();
        if table.open.len() >= self.max {
            if table.evict_half_closed(&self.hang_ups) {
                self.metrics.half_closed.inc();
            } else if table.evict_unauthenticated() {
                self.metrics.evicted.inc();
            } else {
                self.metrics.refused.inc();
                return None;
            }
        }
        table.arrivals += 1;
        let arrival = table.arrivals;
        let (connection, evicted) = (Arc::new(ConnectInfo::new(peer)), CancellationToken::new());
        table.open.insert(arrival, (connection.clone(), evicted.clone()));
        table.unauthenticated.insert(arrival);
        self.metrics.active.set(table.open.len() as i64);
        self.hang_ups.watch(socket, arrival);
        Some(Place { places: self.clone(), arrival, connection, evicted })
    }

    /// Whether the next connection evicts another one.
    pub(super) fn is_full(&self) -> bool {
        self.lock().open.len() >= self.max
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Evicts the oldest connection whose client has closed its sending side, if there is one.
    fn evict_half_closed(&mut self, hang_ups: &HangUps) -> bool {
        loop {
            let new = hang_ups.take();
            if new.is_empty() {
                break;
            }
            self.half_closed.extend(new.iter().filter(|arrival| self.open.contains_key(arrival)));
        }
        self.half_closed.pop_first().is_some_and(|arrival| self.evict(arrival))
    }

    /// Evicts the oldest unauthenticated connection, if there is one.
    fn evict_unauthenticated(&mut self) -> bool {
        while let Some(arrival) = self.unauthenticated.pop_first() {
            if self.open.get(&arrival).is_some_and(|(connection, _)| !connection.is_authenticated()) {
                return self.evict(arrival);
            }
        }
        false
    }

    /// Frees the place of a connection, and ends it soon. Returns whether it had one.
    fn evict(&mut self, arrival: u64) -> bool {
        let open = self.remove(arrival);
        open.inspect(|(_, evicted)| evicted.cancel()).is_some()
    }

    fn remove(&mut self, arrival: u64) -> Option<(Arc<ConnectInfo>, CancellationToken)> {
        self.half_closed.remove(&arrival);
        self.unauthenticated.remove(&arrival);
        self.open.remove(&arrival)
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
        // The place of an evicted connection already belongs to the new one.
        if table.remove(self.arrival).is_some() {
            self.places.metrics.active.set(table.open.len() as i64);
        }
    }
}

#[cfg(test)]
mod tests;
