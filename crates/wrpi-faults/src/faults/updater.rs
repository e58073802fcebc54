//! The updater fails. What it writes is followed from inside Redis: only whole pairs may be served, or be there.

use std::thread::sleep;
use std::time::{Duration, Instant};

use rand::RngExt;
use wrpi_test::{Path, eventually};

use crate::outcome::Outcome;
use crate::pair::Pair;
use crate::scene::{Scene, Setup};

/// Run after run is killed, each at a random moment of the time that a whole one takes. Its bytes come slowly, so
/// that many moments are between two of them.
pub(super) fn killed(lasts: Duration) -> Outcome {
    let scene = Scene::start(Setup::default());
    let monitor = scene.redis.monitor();
    let slowly = [("REDIS_PORT", scene.proxy.port().to_string())];
    scene.proxy.set_both(Path::Slow(Duration::from_millis(2)));
    let start = Instant::now();
    assert_eq!(scene.updater(&slowly).wait().code(), Some(0));
    let whole_run = start.elapsed();
    let (mut runs, began) = (0, Instant::now());
    while began.elapsed() < lasts {
        let mut updater = scene.updater(&slowly);
        sleep(rand::rng().random_range(Duration::ZERO..whole_run));
        updater.kill();
        runs += 1;
    }
    let stored = Pair::all_written(&monitor).len();
    assert!((1..runs).contains(&stored), "of {runs} runs {stored} had stored a reading when they were killed");
    let end = Instant::now();
    assert_eq!(scene.updater(&slowly).wait().code(), Some(0));
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

/// It holds nothing up: the next one stores its reading meanwhile, and it goes on itself when it can.
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
