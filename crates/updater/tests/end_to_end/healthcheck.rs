//! The subcommand that a container's health check runs.

use wrpi_test::{Redis, random_password};

use crate::support::healthcheck;

#[test]
fn reports_whether_redis_answers_this_user() {
    let (mut redis, password, wrong) = (Redis::start(), random_password(), random_password());
    redis.cli(&["CONFIG", "SET", "requirepass", &password]);
    assert_eq!(healthcheck(&redis, &[("REDIS_PASS", &password)]).0, Some(0));

    let (code, log) = healthcheck(&redis, &[("REDIS_PASS", &wrong)]);
    assert_eq!(code, Some(1));
    assert!(log.contains(&format!("Redis at 127.0.0.1:{}/0: ", redis.port())), "{log}");

    redis.kill();
    assert_eq!(healthcheck(&redis, &[("REDIS_PASS", &password)]).0, Some(1));
}
