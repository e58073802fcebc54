//! Redis over TLS.

use tempfile::NamedTempFile;
use wrpi_test::{Authority, Redis};

use crate::api::{Api, BODY, TIMESTAMP, VALUE};

#[test]
fn readings_come_over_tls_and_changes_are_pushed() {
    let mut redis = Redis::start_tls(&Authority::new(), "127.0.0.1");
    redis.write(VALUE, TIMESTAMP);
    let mut api = Api::follow(&redis, &[("REDIS_HEARTBEAT", "60m")]);
    api.serves(BODY);
    api.service.logged("store connected, changes are pushed");
    redis.write("1.000", TIMESTAMP);
    api.serves_value("1.000");
    redis.restart();
    redis.write("2.000", TIMESTAMP);
    api.serves_value("2.000");
}

#[test]
fn a_redis_that_does_not_prove_who_it_is_is_refused_and_the_log_says_why() {
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
        let entry = api.service.logged("store lost, retrying");
        let error = entry["error"].as_str().unwrap();
        assert!(error.contains(why) && error.contains(&format!("127.0.0.1:{}/0", redis.port())), "{error}");
        assert_eq!((api.get().status, api.metric("wrpi_store_up").as_str()), (503, "0"));
    }
}

#[test]
fn a_redis_may_have_another_name_if_told_so() {
    let redis = Redis::start_tls(&Authority::new(), "redis.example");
    redis.write(VALUE, TIMESTAMP);
    Api::follow(&redis, &[("REDIS_TLS_ANY_NAME", "true")]).serves(BODY);
}
