//! Redis fails.

use std::thread::sleep;
use std::time::{Duration, Instant};

use wrpi_test::{Redis, eventually};

use crate::outcome::Outcome;
use crate::scene::{Scene, Setup};

pub(super) fn killed(lasts: Duration) -> Outcome {
    let mut scene = Scene::start(Setup { redis: &["--appendonly", "yes"], ..Setup::default() });
    let before = scene.write();
    scene.load.first(&before);
    scene.redis.kill();
    scene.updater_fails("refused");
    sleep(lasts);
    scene.redis.restart();
    let end = Instant::now();
    assert_ne!(scene.redis.cli(&["GET", "wrpi-latest"]), "", "the append-only file lost the reading");
    let recovery = scene.recovery(end);
    scene.end(recovery)
}

/// After the pause, Redis executes what the updater sent before it gave up.
pub(super) fn paused(lasts: Duration) -> Outcome {
    let scene = Scene::start(Setup::default());
    let monitor = scene.redis.monitor();
    scene.redis.pause();
    scene.updater_fails("timed out");
    sleep(lasts);
    scene.redis.resume();
    let end = Instant::now();
    assert_eq!(scene.updater(&[]).wait().code(), Some(0));
    scene.end_of_updaters(&monitor, end)
}

pub(super) fn flushed(lasts: Duration) -> Outcome {
    let mut scene = Scene::start(Setup::default());
    scene.redis.cli(&["FLUSHALL"]);
    sleep(lasts);
    let recovery = scene.recovery(Instant::now());
    scene.end(recovery)
}

/// Without persistence, the restarted Redis is empty.
pub(super) fn replaced(lasts: Duration) -> Outcome {
    let mut scene = Scene::start(Setup::default());
    scene.redis.kill();
    sleep(lasts);
    scene.redis.restart();
    let end = Instant::now();
    assert_eq!(scene.redis.cli(&["GET", "wrpi-latest"]), "");
    let recovery = scene.recovery(end);
    scene.end(recovery)
}

/// The host of Redis is lost, so nothing closes the connections. Another Redis takes over its address.
pub(super) fn replaced_silently(lasts: Duration) -> Outcome {
    let mut scene = Scene::start(Setup::default());
    scene.proxy.silence();
    let _lost = scene.replace_redis();
    let recovery = scene.recovery(Instant::now());
    sleep(lasts);
    scene.end(recovery)
}

/// Redis changes the API user's password and closes the API's connection. Later, Redis restores the password.
pub(super) fn password_rotated(lasts: Duration) -> Outcome {
    let mut scene = Scene::start(Setup::default());
    scene.admit_api(false);
    scene.redis.cli(&["CLIENT", "KILL", "USER", "api"]);
    scene.write();
    sleep(lasts);
    assert_eq!(scene.apis[0].service.count_logged("store lost, retrying"), 2, "closed, then refused");
    scene.admit_api(true);
    let recovery = scene.recovery(Instant::now());
    scene.end(recovery)
}

pub(super) fn full(lasts: Duration) -> Outcome {
    let mut scene = Scene::start(Setup::default());
    scene.redis.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    scene.updater_fails("OOM");
    sleep(lasts);
    scene.redis.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    let recovery = scene.recovery(Instant::now());
    scene.end(recovery)
}

/// Redis becomes a replica: it serves its master's readings and accepts no writes.
pub(super) fn read_only_replica(lasts: Duration) -> Outcome {
    let mut scene = Scene::start(Setup::default());
    let master = Redis::start_with(&["--repl-diskless-sync-delay", "0"]);
    let port = master.port().to_string();
    let replica = std::mem::replace(&mut scene.redis, master);
    replica.cli(&["REPLICAOF", "127.0.0.1", &port]);
    eventually(|| replica.cli(&["INFO", "replication"]), |info| info.contains("master_link_status:up"));
    let replicated = scene.write();
    scene.load.first(&replicated);
    scene.redis = replica;
    scene.updater_fails("read only replica");
    sleep(lasts);
    scene.redis.cli(&["REPLICAOF", "NO", "ONE"]);
    let recovery = scene.recovery(Instant::now());
    scene.end(recovery)
}
