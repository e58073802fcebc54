//! Redis over TLS.

use tempfile::NamedTempFile;
use wrpi_test::{Authority, Redis};

use crate::support::{run, stored};

#[test]
fn stores_a_reading_over_tls() {
    let redis = Redis::start_tls(&Authority::new(), "127.0.0.1");
    assert_eq!(run(&redis, &[]).0, Some(0));
    assert_ne!(stored(&redis).0, "");
}

#[test]
fn stores_nothing_in_a_redis_with_a_certificate_of_another_authority() {
    let redis = Redis::start_tls(&Authority::new(), "127.0.0.1");
    let other = NamedTempFile::new().unwrap();
    std::fs::write(&other, Authority::new().pem()).unwrap();
    let variables = [("REDIS_CA_FILE", other.path().to_str().unwrap()), ("UPDATE_DEADLINE", "2s")];
    let (code, output) = run(&redis, &variables);
    assert_eq!(code, Some(1));
    assert!(output.contains(&format!("Redis at 127.0.0.1:{}/0: ", redis.port())), "{output}");
    assert!(output.contains("invalid peer certificate"), "{output}");
    assert_eq!(stored(&redis).0, "");
}
