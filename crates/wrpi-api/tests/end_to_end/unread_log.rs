//! A log that nobody reads.

use wrpi_test::{Connection, basic, random_password, send};

use crate::support::unread::Unread;

/// Far more lines than a pipe and the log's queue hold.
const REQUESTS: usize = 3_000;

#[test]
fn answers_requests_and_probes_and_stops_while_nobody_reads_the_log() {
    let password = random_password();
    // Nothing listens on port 1, so there is never a reading, and the API logs each request.
    let mut api = Unread::start(&[
        ("REDIS_HOST", "127.0.0.1"),
        ("REDIS_PORT", "1"),
        ("APP_PASSWORD", &password),
        ("LISTEN_ADDR", "127.0.0.1:0"),
        ("ADMIN_ADDR", "127.0.0.1:0"),
    ]);
    let mut connection = Connection::open(&api.address).unwrap();
    let credentials = basic(&format!("any:{password}"));
    for _ in 0..REQUESTS {
        let answer = connection.request("GET", "/v0/wrpi", &[("Authorization", &credentials)]).unwrap();
        assert_eq!(answer.status, 503);
    }
    assert_eq!(send(&api.admin, "GET", "/livez", &[]).status, 200);
    let metrics = send(&api.admin, "GET", "/metrics", &[]).body;
    let dropped = metrics.lines().find_map(|line| line.strip_prefix("wrpi_log_lines_dropped_total "));
    let dropped: usize = dropped.expect(&metrics).parse().unwrap();
    assert!((1..REQUESTS).contains(&dropped), "{dropped}");
    let status = api.stop();
    assert!(status.success(), "{status}");
}
