//! What the log says if Redis refuses the login, with RESP3 as with RESP2.

use wrpi_test::{Api, BODY, Redis, TIMESTAMP, VALUE, random_password};

use crate::support::feed::{LOST, POLLED, logged_error};

#[test]
fn logs_the_words_of_redis_about_a_refused_login() {
    let [right, wrong] = [(); 2].map(|()| random_password());
    let (open, closed) = (Redis::start(), Redis::start_with(&["--requirepass", &right]));
    closed.cli(&["-a", &right, "--no-auth-warning", "ACL", "SETUSER", "disabled", "off", &format!(">{right}")]);
    open.write(VALUE, TIMESTAMP);
    let refused = "WRONGPASS invalid username-password pair or user is disabled.";
    let without = "ERR AUTH <password> called without any password configured for the default user. Are you sure your \
                   configuration is correct?";
    for (redis, variables, words) in [
        (&closed, &[("REDIS_PASS", wrong.as_str())][..], refused),
        (&closed, &[("REDIS_USER", "unknown"), ("REDIS_PASS", &right)], refused),
        (&closed, &[("REDIS_USER", "disabled"), ("REDIS_PASS", &right)], refused),
        (&closed, &[], "NOAUTH Authentication required."),
        // The server would accept the HELLO.
        (&open, &[("REDIS_PASS", &wrong)], without),
        (&open, &[("REDIS_USER", "default"), ("REDIS_PASS", &wrong)], without),
    ] {
        let mut api = Api::follow(redis, variables);
        assert_eq!(logged_error(&mut api, LOST), format!("Redis at 127.0.0.1:{}/0: {words}", redis.port()));
        assert_eq!(api.get().status, 503);
    }
}

#[test]
fn never_logs_the_password_that_redis_repeats_if_it_does_not_know_hello() {
    let password = random_password();
    let redis = Redis::start_with(&["--requirepass", &password, "--rename-command", "HELLO", ""]);
    redis.cli(&["-a", &password, "--no-auth-warning", "MSET", "wrpi-latest", VALUE, "wrpi-timestamp", TIMESTAMP]);
    let mut api = Api::follow(&redis, &[("REDIS_PASS", &password)]);
    api.serves(BODY);
    let error = logged_error(&mut api, POLLED);
    assert!(error.ends_with(": ERR unknown command 'HELLO'"), "{error}");
    assert!(!api.service.output().join("\n").contains(&password));
}
