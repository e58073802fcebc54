//! Clients that keep one connection each while the API stops.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use wrpi_test::{Api, BODY, Connection};

/// While it stops, the API keeps an idle connection open for this long: a request may be on its way.
const GRACE: Duration = Duration::from_secs(1);

/// Requests the reading on one connection until a response announces its end, and counts the responses.
pub(crate) fn request_until_closed(api: &Api, answered: &AtomicUsize) {
    let credentials = api.credentials();
    let mut last_use = Instant::now();
    let mut connection = Connection::open(&api.address).unwrap();
    loop {
        let asked = Instant::now();
        match connection.request("GET", "/v0/wrpi", &[("Authorization", &credentials)]) {
            Ok(answer) => {
                assert_eq!((answer.status, answer.body.as_str()), (200, BODY));
                answered.fetch_add(1, Ordering::Relaxed);
                if answer.header("connection") == Some("close") {
                    return;
                }
            }
            Err(error) => {
                // If this thread did not run for that long, the connection was idle.
                assert!(last_use.elapsed() >= GRACE, "a request was not answered: {error}");
                return;
            }
        }
        last_use = asked;
    }
}
