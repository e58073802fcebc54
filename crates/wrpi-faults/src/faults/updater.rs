//! The updater fails. A monitor of Redis shows what it writes: only whole pairs may be stored and served.

use std::thread::sleep;
use std::time::{Duration, Instant};

use rand::RngExt;
use wrpi_test::{Path, eventually};

use crate::outcome::Outcome;
use crate::pair::Pair;
use crate::scene::{Scene, Setup};

/// Kills many runs, each at a random moment within the duration of a full run. A slow network delays the bytes of a
/// run, so many kills happen between two of them.
pub(super) fn killed(lasts: Duration) -> Outcome {
    let scene = Scene::start(Setup::default());
    let monitor = scene.redis.monitor();
    let via_proxy = [("REDIS_PORT", scene.proxy.port().to_string())];
    scene.proxy.set_both(Path::Slow(Duration::from_millis(2)));
    let start = Instant::now();
    assert_eq!(scene.updater(&via_proxy).wait().code(), Some(0));
    let full_run = start.elapsed();
    let (mut runs, began) = (0, Instant::now());
    while began.elapsed() < lasts {
        let mut updater = scene.updater(&via_proxy);
        sleep(rand::rng().random_range(Duration::ZERO..full_run));
        updater.kill();
        runs += 1;
    }
    let stored = Pair::all_written(&monitor).len();
    assert!((1..runs).contains(&stored), "{stored} of {runs} runs stored a reading before they were killed");
    let end = Instant::now();
    assert_eq!(scene.updater(&via_proxy).wait().code(), Some(0));
    scene.end_of_updaters(&monitor, end)
}

pub(super) fn two_at_once(lasts: Duration) -> Outcome {
    let scene = Scene::start(Setup::default());
    let monitor = scene.redis.monitor();
    let mut updaters = [(); 2].map(|()| scene.updater(&[("UPDATE_INTERVAL", "100ms".into())]));
    sleep(lasts);
    for updater in &mut updaters {
        updater.terminate();
        assert_eq!(updater.wait().code(), Some(0));
        assert!(updater.count_logged("reading stored") > 10);
    }
    scene.end_of_updaters(&monitor, Instant::now())
}

/// A hung updater does not block others: another one stores its reading meanwhile. Afterwards, the hung updater
/// continues.
pub(super) fn hung(lasts: Duration) -> Outcome {
    let scene = Scene::start(Setup::default());
    let monitor = scene.redis.monitor();
    let mut updater = scene.updater(&[("UPDATE_INTERVAL", "100ms".into())]);
    updater.logged("reading stored");
    updater.pause();
    assert_eq!(scene.updater(&[]).wait().code(), Some(0));
    sleep(lasts);
    let stored = Pair::all_written(&monitor).len();
    updater.resume();
    let end = Instant::now();
    eventually(|| Pair::all_written(&monitor).len(), |now| *now > stored);
    updater.terminate();
    updater.wait();
    scene.end_of_updaters(&monitor, end)
}
