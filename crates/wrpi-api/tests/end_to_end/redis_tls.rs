//! Redis over TLS.

use tempfile::NamedTempFile;
use wrpi_test::{Api, Authority, BODY, Pair, Redis, TIMESTAMP, VALUE};

use crate::support::feed::{LOST, NO_HEARTBEAT, PUSHED};
use crate::support::secret::Secret;

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
fn uses_renewed_certificates_for_the_next_connection() {
    let (old, new) = (Authority::new(), Authority::new());
    let mut redis = Redis::start_tls_with(&old.pem(), &old.issue("127.0.0.1"), &[]);
    redis.write(VALUE, TIMESTAMP);
    let client = Secret::mount(&old.issue("wrpi"));
    let (chain, key) = (client.path("tls.crt"), client.path("tls.key"));
    let api = Api::follow(&redis, &[("REDIS_CERT_FILE", &chain), ("REDIS_KEY_FILE", &key), NO_HEARTBEAT]);
    api.serves(BODY);
    client.replace(&new.issue("wrpi"));
    redis.renew(&new.pem(), &new.issue("127.0.0.1"));
    redis.write("1.000", TIMESTAMP);
    api.serves_value("1.000");
}

#[test]
fn logs_what_is_wrong_with_a_renewed_certificate_and_uses_the_next_one() {
    let authority = Authority::new();
    let mut redis = Redis::start_tls_with(&authority.pem(), &authority.issue("127.0.0.1"), &[]);
    redis.write(VALUE, TIMESTAMP);
    let (good, other) = (authority.issue("wrpi"), authority.issue("wrpi"));
    let client = Secret::mount(&good);
    let (chain, key) = (client.path("tls.crt"), client.path("tls.key"));
    let mut api = Api::follow(&redis, &[("REDIS_CERT_FILE", &chain), ("REDIS_KEY_FILE", &key), NO_HEARTBEAT]);
    api.serves(BODY);
    client.replace(&Pair { certificate: good.certificate, key: other.key.clone() });
    redis.restart();
    api.service.printed(|line| {
        (line.contains(LOST) && line.contains("holds a key that does not belong to the certificate")).then_some(())
    });
    client.replace(&other);
    redis.write("1.000", TIMESTAMP);
    api.serves_value("1.000");
}

#[test]
fn refuses_a_redis_whose_certificate_it_cannot_verify_and_logs_why() {
    let authority = Authority::new();
    let other = NamedTempFile::new().unwrap();
    std::fs::write(&other, Authority::new().pem()).unwrap();
    let (right, elsewhere) = (Redis::start_tls(&authority, "127.0.0.1"), Redis::start_tls(&authority, "redis.example"));
    for (redis, variables, why) in [
        (
            &right,
            vec![("REDIS_CA_FILE", other.path().to_str().unwrap())],
            "it is not signed by the authority of this name in REDIS_CA_FILE",
        ),
        (&elsewhere, vec![], "it is for redis.example, but REDIS_HOST is 127.0.0.1"),
        (
            &elsewhere,
            vec![("REDIS_CA_FILE", other.path().to_str().unwrap()), ("REDIS_TLS_ANY_NAME", "true")],
            "it is not signed by the authority of this name in REDIS_CA_FILE",
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
