//! Redis over TLS.

use tempfile::NamedTempFile;
use wrpi_test::{Api, Authority, BODY, Redis, TIMESTAMP, VALUE};

use crate::support::feed::{LOST, NO_HEARTBEAT, PUSHED};

#[test]
fn follows_redis_over_tls_by_pushes() {
    let mut redis = Redis::start_tls(&Authority::new(), "127.0.0.1");
    redis.write(VALUE, TIMESTAMP);
    let mut api = Api::follow(&redis, &[NO_HEARTBEAT]);
    api.serves(BODY);
    api.service.logged(PUSHED);
    redis.write("1.000", TIMESTAMP);
    api.serves_value("1.000");
    redis.restart();
    redis.write("2.000", TIMESTAMP);
    api.serves_value("2.000");
}

#[test]
fn refuses_a_redis_whose_certificate_it_cannot_verify_and_logs_why() {
    let authority = Authority::new();
    let other = NamedTempFile::new().unwrap();
    std::fs::write(&other, Authority::new().pem()).unwrap();
    let (right, elsewhere) = (Redis::start_tls(&authority, "127.0.0.1"), Redis::start_tls(&authority, "redis.example"));
    for (redis, variables, why) in [
        (&right, vec![("REDIS_CA_FILE", other.path().to_str().unwrap())], "invalid peer certificate: BadSignature"),
        (&elsewhere, vec![], "invalid peer certificate: certificate not valid for name"),
        (
            &elsewhere,
            vec![("REDIS_CA_FILE", other.path().to_str().unwrap()), ("REDIS_TLS_ANY_NAME", "true")],
            "invalid peer certificate: BadSignature",
        ),
    ] {
        redis.write(VALUE, TIMESTAMP);
        let mut api = Api::follow(redis, &variables);
        let entry = api.service.logged(LOST);
        let error = entry["error"].as_str().unwrap();
        assert!(error.contains(why) && error.contains(&format!("127.0.0.1:{}/0", redis.port())), "{error}");
        assert_eq!((api.get().status, api.metric("wrpi_store_up").as_str()), (503, "0"));
    }
}

#[test]
fn accepts_a_certificate_for_another_name_if_configured() {
    let redis = Redis::start_tls(&Authority::new(), "redis.example");
    redis.write(VALUE, TIMESTAMP);
    Api::follow(&redis, &[("REDIS_TLS_ANY_NAME", "true")]).serves(BODY);
}
