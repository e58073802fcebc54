//! Clients with the password during a flood of connections.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use wrpi_test::{Connection, Flood, PATIENCE};

use super::https::Https;

/// A flood and what it must do.
pub(crate) struct Size {
    /// `MAX_CONNECTIONS`.
    places: u64,
    /// Connections that it must open per second of its length, on the slowest machine.
    per_second: u64,
}

pub(crate) const CONNECTIONS: Size = Size { places: 350, per_second: 1_250 };
/// A slow machine completes only a few handshakes before the first of their connections times out.
pub(crate) const SESSIONS: Size = Size { places: 32, per_second: 125 };
/// Connections a second.
pub(crate) const RATE: u32 = 5_000;
/// The length in seconds. `FLOOD_SECONDS=8` is the long form, which `make soak` runs.
const SECONDS: u64 = 2;

fn seconds() -> u64 {
    std::env::var("FLOOD_SECONDS").map_or(SECONDS, |seconds| seconds.parse().expect("FLOOD_SECONDS is a number"))
}

/// Waits until no other flood runs: two at once would each have half of the machine.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An API over HTTPS and plain HTTP for a flood of this size.
pub(crate) fn start(size: &Size) -> Https {
    Https::start(&[("MAX_CONNECTIONS", &size.places.to_string()), ("PLAIN_HTTP", "serve")])
}

/// Requests the reading with the password on one new connection after another, until `flood` has lasted long enough and
/// reached its size. Every client must get 200.
pub(crate) fn answers_every_client(https: &Https, flood: Flood, size: &Size) {
    let api = &https.api;
    let lasts = Duration::from_secs(seconds());
    let enough = size.per_second * seconds();
    let request = format!("GET /v0/wrpi HTTP/1.1\r\nHost: test\r\nAuthorization: {}\r\n\r\n", api.credentials());
    let began = Instant::now();
    let mut answered = 0;
    let mut late = 0;
    let mut failures = Vec::new();
    let has_evicted = || api.metric(r#"http_connections_evicted_total{listener="public"}"#) != "0";
    // On a slow machine the flood needs longer to reach its size, to fill all places and to meet clients in time.
    while began.elapsed() < lasts || flood.opened() < enough || answered <= late || !has_evicted() {
        assert!(began.elapsed() < PATIENCE, "{answered} answered, {late} late; the flood opened {}", flood.opened());
        let before = flood.opened();
        let asked = Connection::open(&api.address).and_then(|mut client| {
            client.write(&request)?;
            Ok(client)
        });
        // If this thread did not run for so long, the flood may have filled all places before its request arrived.
        let is_late = flood.opened() - before >= size.places / 2;
        match asked.and_then(|mut client| client.read(true)) {
            Ok(answer) if answer.status == 200 => answered += 1,
            _ if is_late => late += 1,
            other => failures.push(other.map(|answer| answer.status)),
        }
    }
    let flooded = flood.stop();
    let found = format!("{flooded:?}: {answered} answered, {late} late, {} not answered", failures.len());
    println!("{found}");
    assert!(failures.is_empty(), "{found}, the first of them {:?}", failures[0]);
    assert_eq!(api.get().status, 200);
}
