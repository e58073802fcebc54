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

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::sync::Arc;

use parking_lot::Mutex;

use super::hang_ups::HangUps;
use crate::connection::ConnectionState;
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
    open: BTreeMap<u64, Arc<ConnectionState>>,
    /// Some of those whose client has closed its sending side, in the order of that.
    half_closed: VecDeque<u64>,
    /// All connections before this one have authenticated or ended.
    first_unauthenticated: u64,
}

/// The place of an open connection. Dropping it frees the place.
pub(super) struct Place {
    pub(super) places: Arc<Places>,
    arrival: u64,
    pub(super) connection: Arc<ConnectionState>,
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
        let mut table = self.table.lock();
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
        let connection = Arc::new(ConnectionState::new(peer));
        table.open.insert(arrival, connection.clone());
        self.metrics.active.set(table.open.len() as i64);
        self.hang_ups.watch(socket, arrival);
        Some(Place { places: self.clone(), arrival, connection })
    }

    /// Whether the next connection evicts another one.
    pub(super) fn is_full(&self) -> bool {
        self.table.lock().open.len() >= self.max
    }
}

impl Table {
    /// Evicts a connection whose client has closed its sending side, if there is one.
    fn evict_half_closed(&mut self, hang_ups: &HangUps) -> bool {
        loop {
            while let Some(arrival) = self.half_closed.pop_front() {
                if self.evict(arrival) {
                    return true;
                }
            }
            self.half_closed = hang_ups.take().into();
            if self.half_closed.is_empty() {
                return false;
            }
        }
    }

    /// Evicts the oldest unauthenticated connection, if there is one.
    fn evict_unauthenticated(&mut self) -> bool {
        let mut open = self.open.range(self.first_unauthenticated..);
        let oldest = open.find(|(_, connection)| !connection.is_authenticated()).map(|(arrival, _)| *arrival);
        self.first_unauthenticated = oldest.unwrap_or(self.arrivals + 1);
        oldest.is_some_and(|arrival| self.evict(arrival))
    }

    /// Frees the place of a connection, and ends it soon. Returns whether it had one.
    fn evict(&mut self, arrival: u64) -> bool {
        self.open.remove(&arrival).inspect(|connection| connection.evicted.cancel()).is_some()
    }
}

impl Place {
    /// Runs `serving` until it ends. Returns `None` if the connection is evicted first. `serving` is polled before the
    /// eviction is checked, so a request that has already arrived is still answered.
    pub(super) async fn until_evicted<T>(&self, serving: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            ended = serving => Some(ended),
            () = self.connection.evicted.cancelled() => None,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.places.table.lock();
        // The place of an evicted connection already belongs to the new one.
        if table.open.remove(&self.arrival).is_some() {
            self.places.metrics.active.set(table.open.len() as i64);
        }
    }
}

#[cfg(test)]
mod tests;
