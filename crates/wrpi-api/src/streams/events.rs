//! What a client of `GET /v0/wrpi/stream` receives: each new reading as a server-sent event (HTML Living Standard,
//! section 9.2), and heartbeats between them.
//!
//! Each event is rendered once for all streams. A client that reads slowly misses readings and gets the latest one next,
//! so it takes no memory and delays no other client.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use prometheus::IntGauge;
use tokio::sync::watch;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use crate::snapshot::{Part, Snapshot};

/// A comment. It keeps proxies from closing a quiet stream.
const HEARTBEAT: Part = Part { event: Bytes::from_static(b":\n\n"), chunk: Bytes::from_static(b"3\r\n:\n\n\r\n") };

/// The events of one stream.
pub(crate) struct Events {
    latest: watch::Receiver<Option<Arc<Snapshot>>>,
    /// The last event that a returning client has received.
    last_seen: Option<Bytes>,
    heartbeat: Duration,
    last_sent: Instant,
    stopping: CancellationToken,
    _open: Open,
}

/// The events of a stream over HTTP/1 after the first one.
pub(crate) struct StreamTail {
    pub(crate) events: Events,
    /// Whether to send each event as a chunk (RFC 9112, section 7.1), which HTTP/1.0 does not have.
    pub(crate) is_chunked: bool,
}

impl Events {
    /// Begins with the latest of `latest` unless its id is `last_seen`. `open` counts the stream until it ends.
    pub(crate) fn new(
        mut latest: watch::Receiver<Option<Arc<Snapshot>>>,
        last_seen: Option<Bytes>,
        heartbeat: Duration,
        stopping: CancellationToken,
        open: &IntGauge,
    ) -> Self {
        latest.mark_changed();
        Self { latest, last_seen, heartbeat, last_sent: Instant::now(), stopping, _open: Open::new(open) }
    }

    /// The part to send at `now`, if one is due: the latest event, or a heartbeat. Called only when the client is ready to
    /// receive.
    pub(crate) fn due(&mut self, now: Instant) -> Option<Part> {
        let is_new = self.latest.has_changed().is_ok_and(|has_changed| has_changed);
        let event = if is_new { self.unseen() } else { None };
        let is_silent = now >= self.last_sent + self.heartbeat;
        let part = event.or_else(|| is_silent.then_some(HEARTBEAT))?;
        self.last_sent = now;
        Some(part)
    }

    /// Waits for the next part; `None` at the end. Called only when the client is ready to receive.
    pub(crate) async fn next(&mut self) -> Option<Part> {
        while !self.stopping.is_cancelled() {
            if let Some(part) = self.due(Instant::now()) {
                return Some(part);
            }
            tokio::select! {
                biased;
                () = self.stopping.cancelled() => return None,
                changed = self.latest.changed() => changed.ok()?,
                () = sleep_until((self.last_sent + self.heartbeat).into()) => continue,
            }
            self.latest.mark_changed();
        }
        None
    }

    /// Completes when streams must end.
    pub(crate) fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// The latest event, unless the client has it.
    fn unseen(&mut self) -> Option<Part> {
        let latest = self.latest.borrow_and_update();
        let snapshot = latest.as_ref()?;
        self.last_seen.take().is_none_or(|seen| seen != snapshot.id).then(|| snapshot.part.clone())
    }
}

/// Counts an open stream until it is dropped.
struct Open(IntGauge);

impl Open {
    fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::time::SystemTime;

    use http::HeaderMap;
    use wrpi_core::{Reading, Timestamp, Wrpi};

    #[tokio::test]
    async fn end_when_the_server_stops_even_if_an_event_is_due() {
        let reading = Reading {
            value: Wrpi::from_thousandths(1).unwrap(),
            calculated_at: Timestamp::new(SystemTime::UNIX_EPOCH.into()).unwrap(),
        };
        let snapshot = Snapshot::render(reading, SystemTime::now(), &HeaderMap::new()).unwrap();
        let latest = watch::Sender::new(Some(Arc::new(snapshot)));
        let stopping = CancellationToken::new();
        let open = IntGauge::new("open", "open").unwrap();
        let mut events = Events::new(latest.subscribe(), None, Duration::from_secs(60), stopping.clone(), &open);
        assert!(events.next().await.is_some());
        // New readings may arrive faster than a slow client receives them.
        latest.send_modify(|_| {});
        stopping.cancel();
        assert!(events.next().await.is_none());
    }
}
