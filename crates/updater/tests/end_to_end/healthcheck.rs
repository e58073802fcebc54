//! The subcommand that a container's health check runs.

use std::process::{Command, Output};

use wrpi_test::{Redis, random_password};

use crate::UPDATER;

fn healthcheck(redis: &Redis, password: &str) -> Output {
    let mut command = Command::new(UPDATER);
    command.arg("healthcheck").env_clear().envs(redis.environment()).env("REDIS_PASS", password).output().unwrap()
}

#[test]
fn it_says_whether_redis_answers_this_user() {
    let (mut redis, password) = (Redis::start(), random_password());
    redis.cli(&["CONFIG", "SET", "requirepass", &password]);
    assert_eq!(healthcheck(&redis, &password).status.code(), Some(0));

    let refused = healthcheck(&redis, &random_password());
    assert_eq!(refused.status.code(), Some(1));
    let log = String::from_utf8(refused.stderr).unwrap();
    assert!(log.contains(&format!("Redis at 127.0.0.1:{}/0: ", redis.port())), "{log}");

    redis.kill();
    assert_eq!(healthcheck(&redis, &password).status.code(), Some(1));
}
