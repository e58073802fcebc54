//! When a bad pair is refused, on a clock that the test moves.

use std::path::Path;

use tempfile::TempDir;
use wrpi_test::{Authority, Pair};

use super::*;

/// The pair in a directory.
fn write(directory: &Path, pair: &Pair) {
    std::fs::write(directory.join("chain"), &pair.certificate).unwrap();
    std::fs::write(directory.join("key"), &pair.key).unwrap();
}

#[tokio::test(start_paused = true)]
async fn refuses_a_pair_only_after_several_checks_in_a_row_have_found_it_bad() {
    let [good, other, new] = [(); 3].map(|()| Authority::new().issue("wrpi.example"));
    let bad = Pair { certificate: good.certificate.clone(), key: other.key };
    let directory = TempDir::new().unwrap();
    write(directory.path(), &good);
    let certificates = Certificates::load(directory.path().join("chain"), directory.path().join("key")).unwrap();
    let metrics = Metrics::register(&Registry::new()).unwrap();
    let reloads = metrics.reloads.clone();
    let counted = || ["ok", "failed"].map(|result| reloads.with_label_values(&[result]).get());
    let checks = async {
        // Half an interval before each check.
        sleep(CHECK_INTERVAL / 2).await;
        for (pair, checks, expected) in [
            (&bad, FAILED_CHECKS - 1, [0, 0]),
            (&good, 1, [0, 0]),
            // The good pair has been seen in between, so the count begins again.
            (&bad, FAILED_CHECKS - 1, [0, 0]),
            (&bad, 1, [0, 1]),
            // Counted once.
            (&bad, FAILED_CHECKS, [0, 1]),
            (&new, 1, [1, 1]),
        ] {
            write(directory.path(), pair);
            sleep(CHECK_INTERVAL * checks).await;
            assert_eq!(counted(), expected);
        }
    };
    tokio::select! {
        () = follow(certificates, metrics) => unreachable!("it never returns"),
        () = checks => {}
    }
}
