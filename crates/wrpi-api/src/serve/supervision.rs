//! Supervision of open connections: which of them are at rest or too slow, and which makes room for a new one.
//!
//! One task looks after all of them, so that a request costs no timer.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus::IntCounter;
use slab::Slab;
use tokio::time::{MissedTickBehavior, interval};

use super::tracking::{Activity, Order};

/// How long the head of a request may take to arrive, with up to [`INTERVAL`] more.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
const INTERVAL: Duration = Duration::from_secs(1);

/// The open connections of some listeners.
#[derive(Debug)]
pub(super) struct Supervisor {
    table: Mutex<Table>,
    /// Counts the connections that were ended to make room.
    evicted: IntCounter,
}

#[derive(Debug, Default)]
struct Table {
    connections: Slab<Supervised>,
    /// Those that may make room, the first to do so last; `None` until it is asked for after a look at all.
    dispensable: Option<Vec<(usize, Arc<Activity>)>>,
}

#[derive(Debug)]
struct Supervised {
    activity: Arc<Activity>,
    /// Whether requests come one after the other, so that an incomplete head can be told from other bytes.
    is_serial: bool,
    /// How many requests had come when it was last looked at, and been let in; `None` before.
    requests: Option<u32>,
    admissions: Option<u32>,
    time_since_admission: Duration,
    time_in_head: Duration,
    time_at_rest: Duration,
}

/// The right to be open, given up on drop.
pub(super) struct Permit {
    supervisor: Arc<Supervisor>,
    key: usize,
    pub(super) activity: Arc<Activity>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut table = self.supervisor.lock();
        if table.supervised(self.key, &self.activity).is_some() {
            table.connections.remove(self.key);
        }
    }
}

impl Permit {
    /// Says that requests come side by side (HTTP/2).
    pub(super) fn is_not_serial(&self) {
        if let Some(connection) = self.supervisor.lock().supervised(self.key, &self.activity) {
            connection.is_serial = false;
        }
    }
}

impl Supervisor {
    pub(super) fn new(evicted: IntCounter) -> Self {
        Self { table: Mutex::default(), evicted }
    }

    /// Permits a new connection from `peer`. Where `most` are open, one is cut for it: of those that never had a request
    /// let in the oldest, else the one whose last is longest ago. So nobody without the password keeps others out.
    /// `None` if all have been let in since they were last looked at, or are new, or stream.
    pub(super) fn admit(self: &Arc<Self>, most: usize, peer: IpAddr) -> Option<Permit> {
        let mut table = self.lock();
        if table.connections.len() >= most {
            table.evict()?;
            self.evicted.inc();
        }
        let activity = Arc::new(Activity::new(peer));
        let key = table.connections.insert(Supervised::new(activity.clone()));
        Some(Permit { supervisor: self.clone(), key, activity })
    }

    /// Ends every connection as soon as no request is under way.
    pub(super) fn finish_all(&self) {
        self.lock().connections.iter().for_each(|(_, connection)| connection.activity.give(Order::Finish));
    }

    /// Ends, for ever, connections at rest for `idle_timeout`, or on which a request's head takes too long.
    pub(super) async fn supervise(&self, idle_timeout: Duration) {
        let mut ticks = interval(INTERVAL.min(idle_timeout));
        // After a standstill, what has come meanwhile is to be read before it is judged.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.look(ticks.period(), idle_timeout);
        }
    }

    /// Looks at what happened in the last `period`.
    fn look(&self, period: Duration, idle_timeout: Duration) {
        let mut table = self.lock();
        table.dispensable = None;
        for (_, connection) in &mut table.connections {
            match connection.check(period, idle_timeout) {
                Order::Serve => {}
                order => connection.activity.give(order),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// The connection of `activity`: `key` may be another's by now.
    fn supervised(&mut self, key: usize, activity: &Arc<Activity>) -> Option<&mut Supervised> {
        self.connections.get_mut(key).filter(|connection| Arc::ptr_eq(&connection.activity, activity))
    }

    fn evict(&mut self) -> Option<()> {
        let mut dispensable = self.dispensable.take().unwrap_or_else(|| {
            let mut candidates: Vec<_> = self.connections.iter().filter(|(_, found)| found.may_make_room()).collect();
            candidates.sort_by_key(|(_, found)| (found.admissions == Some(0), found.time_since_admission));
            candidates.into_iter().map(|(key, found)| (key, found.activity.clone())).collect()
        });
        let evicted = std::iter::from_fn(|| dispensable.pop())
            .find(|(key, activity)| self.supervised(*key, activity).is_some_and(|found| found.may_make_room()));
        self.dispensable = Some(dispensable);
        evicted.map(|(key, activity)| {
            activity.give(Order::Cut);
            self.connections.remove(key);
        })
    }
}

impl Supervised {
    fn new(activity: Arc<Activity>) -> Self {
        let (requests, admissions) = Default::default();
        let (time_since_admission, time_in_head, time_at_rest) = Default::default();
        Self { activity, is_serial: true, requests, admissions, time_since_admission, time_in_head, time_at_rest }
    }

    /// Whether no request has been let in for a while, and nothing streams.
    fn may_make_room(&self) -> bool {
        !self.time_since_admission.is_zero()
            && self.admissions == Some(self.activity.admissions())
            && !self.activity.is_streaming()
    }

    /// What it is to do, after what it did in the last `period`.
    fn check(&mut self, period: Duration, idle_timeout: Duration) -> Order {
        let requests = self.activity.requests();
        let requested = self.requests.replace(requests) != Some(requests);
        let admissions = self.activity.admissions();
        let admitted = self.admissions.replace(admissions) != Some(admissions);
        // In HTTP/2 there is much to send that asks for nothing.
        let moved = self.activity.take_moved() && (self.is_serial || self.activity.is_streaming());
        let grown = |time: Duration, goes_on: bool| if goes_on { time + period } else { Duration::ZERO };
        self.time_since_admission = grown(self.time_since_admission, !admitted);
        self.time_in_head = grown(self.time_in_head, self.is_serial && self.activity.is_in_head() && !requested);
        self.time_at_rest = grown(self.time_at_rest, !requested && !moved);
        if self.time_in_head > HEAD_TIMEOUT || self.time_at_rest > idle_timeout + period {
            Order::Cut
        } else if self.time_at_rest >= idle_timeout {
            Order::Finish
        } else {
            Order::Serve
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::{Context, Waker};

    use axum::body::Body;
    use futures_util::stream::pending;
    use http::Response;

    const SECOND: Duration = Duration::from_secs(1);
    const IDLE: Duration = Duration::from_secs(75);
    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn streaming() -> Response<Body> {
        Response::new(Body::from_stream(pending::<Result<&str, axum::Error>>()))
    }

    /// The order after so many seconds, in each of which `happens` happens.
    fn order_after(seconds: u32, is_serial: bool, happens: impl Fn(u32, &Activity)) -> Order {
        let mut connection = Supervised { is_serial, ..Supervised::new(Arc::new(Activity::new(PEER))) };
        let orders = (0..seconds).map(|second| {
            happens(second, &connection.activity);
            connection.check(SECOND, IDLE)
        });
        orders.last().unwrap()
    }

    #[test]
    fn a_head_must_come_in_time_and_something_now_and_then() {
        let silent = |_, _: &Activity| {};
        let trickle = |_, activity: &Activity| activity.bytes_came();
        for happens in [&silent as &dyn Fn(u32, &Activity), &trickle] {
            assert_eq!(order_after(11, true, happens), Order::Serve);
            assert_eq!(order_after(12, true, happens), Order::Cut);
        }
        let once = |second, activity: &Activity| {
            if second == 0 {
                activity.request_came();
            }
        };
        for (seconds, order) in [(75, Order::Serve), (76, Order::Finish), (77, Order::Finish), (78, Order::Cut)] {
            assert_eq!(order_after(seconds, true, once), order, "{seconds}");
        }
        assert_eq!(order_after(200, true, |_, activity| activity.request_came()), Order::Serve);
    }

    #[test]
    fn a_stream_goes_on_whatever_comes_behind_its_request() {
        let stream = |second, activity: &Activity| {
            if second == 0 {
                activity.request_came();
                activity.answered(&streaming());
            }
            activity.bytes_came();
        };
        assert_eq!(order_after(200, true, stream), Order::Serve);
        assert_eq!(order_after(200, false, stream), Order::Serve);
    }

    #[test]
    fn in_http_2_bytes_alone_are_no_use_of_a_connection() {
        let bytes = |_, activity: &Activity| {
            activity.answered(&Response::new(Body::from("all of it")));
            activity.bytes_came();
        };
        assert_eq!(order_after(77, false, bytes), Order::Finish);
        assert_eq!(order_after(78, false, bytes), Order::Cut);
    }

    #[test]
    fn strangers_make_room_before_others_and_who_is_let_in_or_streams_does_not() {
        let supervisor = Arc::new(Supervisor::new(IntCounter::new("evicted", "-").unwrap()));
        let permits: Vec<_> = (0..5).map(|_| supervisor.admit(5, PEER).unwrap()).collect();
        let [early, late, streams, asks, asks_in_vain] = &permits[..] else { unreachable!() };
        streams.activity.answered(&streaming());
        [early, late, asks].iter().for_each(|permit| permit.activity.admitted());
        supervisor.look(SECOND, IDLE);
        assert!(supervisor.admit(5, PEER).is_none(), "all have just come");
        late.activity.admitted();
        supervisor.look(SECOND, IDLE);
        supervisor.look(SECOND, IDLE);
        asks.activity.admitted();
        asks_in_vain.activity.request_came();
        let cut = || {
            let order = |permit: &Permit| permit.activity.order(&Context::from_waker(Waker::noop()));
            permits.iter().map(|permit| order(permit) == Order::Cut).collect::<Vec<_>>()
        };
        let mut new = Vec::new();
        for expected in
            [[false, false, false, false, true], [true, false, false, false, true], [true, true, false, false, true]]
        {
            new.extend(supervisor.admit(5, PEER));
            assert_eq!(cut(), expected);
        }
        assert!(new.len() == 3 && supervisor.admit(5, PEER).is_none());
        assert_eq!(supervisor.evicted.get(), 3);
    }
}
