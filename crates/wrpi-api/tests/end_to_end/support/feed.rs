//! An API and the Redis that it follows: log messages, and what both cost.

use std::fmt::Debug;

use wrpi_test::{Api, BODY, Proxy, Redis, Scripted, TIMESTAMP, VALUE, eventually, send};

/// So long that only a push or polling can bring a change in time.
pub(crate) const NO_HEARTBEAT: (&str, &str) = ("REDIS_HEARTBEAT", "60m");

pub(crate) const PUSHED: &str = "store connected, changes are pushed";
pub(crate) const POLLED: &str = "store connected, but it refuses to push changes; polling every second";
pub(crate) const LOST: &str = "store lost, retrying";
pub(crate) const CLOSED: &str = "the store closed an idle connection; reading more often";
pub(crate) const REJECTED: &str = "reading rejected, keeping the last good one";
pub(crate) const NO_READING: &str = "no reading in this database; check that REDIS_DB matches the updater's";

/// A Redis that holds [`VALUE`] and [`TIMESTAMP`].
pub(crate) fn redis_with_reading(arguments: &[&str]) -> Redis {
    let redis = Redis::start_with(arguments);
    redis.write(VALUE, TIMESTAMP);
    redis
}

/// Writes both keys one by one, as the Python updater does.
pub(crate) fn write_one_by_one(redis: &Redis, value: &str, calculated_at: &str) {
    redis.cli(&["SET", "wrpi-latest", value]);
    redis.cli(&["SET", "wrpi-timestamp", calculated_at]);
}

/// An API that follows `redis` through `script`.
pub(crate) fn follow_script(redis: &Redis, script: &Scripted, more: &[(&str, &str)]) -> Api {
    let port = script.port().to_string();
    Api::follow(redis, &[&[("REDIS_PORT", port.as_str()), NO_HEARTBEAT], more].concat())
}

/// An API that serves [`BODY`] and follows Redis through a proxy, by pushes alone.
pub(crate) fn start_behind_proxy() -> (Api, Redis, Proxy) {
    let redis = redis_with_reading(&[]);
    let proxy = Proxy::start(redis.port());
    let api = Api::follow(&redis, &[("REDIS_PORT", &proxy.port().to_string()), NO_HEARTBEAT]);
    api.serves(BODY);
    (api, redis, proxy)
}

/// The error in the first line of the log with `message`.
pub(crate) fn logged_error(api: &mut Api, message: &str) -> String {
    api.service.logged(message)["error"].as_str().unwrap().to_owned()
}

/// Waits until the API knows whether the store is `up`, while it serves [`BODY`] and stays ready.
pub(crate) fn knows_store(api: &Api, up: bool) {
    let serve = || {
        assert_eq!(api.get().body, BODY);
        assert_eq!(send(&api.admin, "GET", "/readyz", &[]).status, 200);
        api.metric("wrpi_store_up")
    };
    eventually(serve, |now| now == if up { "1" } else { "0" });
}

/// How many commands the server has run, except `INFO` (this question) and `PING` (liveness).
pub(crate) fn commands(redis: &Redis) -> u64 {
    let stats = redis.cli(&["INFO", "commandstats"]);
    let calls = stats.lines().filter_map(|line| line.strip_prefix("cmdstat_")?.split_once(":calls="));
    let counted = calls.filter(|(name, _)| !["info", "ping"].contains(name));
    counted.map(|(_, calls)| calls.split(',').next().unwrap().parse::<u64>().unwrap()).sum()
}

/// The result of a `measure` during which the connection to the store lasted. The API replaces a connection that a busy
/// machine delays for a second, which costs further commands.
pub(crate) fn while_connected<T: Debug>(api: &Api, measure: impl Fn() -> T) -> T {
    let state = || (api.metric("wrpi_store_up"), api.metric("wrpi_store_reconnects_total"));
    let attempt = || {
        let before = state();
        let found = measure();
        (before.0 == "1" && before == state()).then_some(found)
    };
    eventually(attempt, Option::is_some).unwrap()
}
