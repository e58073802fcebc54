//! Redis over TLS.

use tempfile::NamedTempFile;
use wrpi_test::{Authority, Redis, Service};

use crate::UPDATER;

#[test]
fn a_reading_is_stored_over_tls() {
    let redis = Redis::start_tls(&Authority::new(), "127.0.0.1");
    let mut updater = Service::spawn(UPDATER, redis.environment());
    assert_eq!(updater.wait().code(), Some(0));
    assert_ne!(redis.cli(&["GET", "wrpi-latest"]), "");
}

#[test]
fn a_redis_that_another_authority_vouches_for_gets_nothing() {
    let redis = Redis::start_tls(&Authority::new(), "127.0.0.1");
    let other = NamedTempFile::new().unwrap();
    std::fs::write(&other, Authority::new().pem()).unwrap();
    let mut environment = redis.environment();
    environment.extend([("REDIS_CA_FILE", other.path().display().to_string()), ("UPDATE_DEADLINE", "2s".into())]);
    let mut updater = Service::spawn(UPDATER, environment);
    assert_eq!(updater.wait().code(), Some(1));
    let output = updater.output().join("\n");
    assert!(output.contains(&format!("Redis at 127.0.0.1:{}/0: ", redis.port())), "{output}");
    assert!(output.contains("invalid peer certificate"), "{output}");
    assert_eq!(redis.cli(&["GET", "wrpi-latest"]), "");
}
