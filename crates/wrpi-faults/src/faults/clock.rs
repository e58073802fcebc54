//! The wall clock of a process jumps to another day and back. The API serves the reading that was written last,
//! whatever its time.
//!
//! Debian's libfaketime replaces the wall clock of a process. It has no effect on a statically linked binary.

use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;
use wrpi_test::eventually;

use crate::outcome::Outcome;
use crate::pair::Pair;
use crate::scene::{Scene, Setup};

/// Recovery is the longest time from a jump until a reading with the new time is served.
pub(super) fn of_the_updater(lasts: Duration) -> Outcome {
    let (clock, scene) = (Clock::start(), Scene::start(Setup::default()));
    let monitor = scene.redis.monitor();
    let mut environment = clock.environment();
    environment.push(("UPDATE_INTERVAL", "100ms".into()));
    let mut updater = scene.updater(&environment);
    updater.logged("reading stored");
    let last_time = || Pair::all_written(&monitor).pop().map(|pair| pair.time);
    let mut recovery = Duration::ZERO;
    for (jump, is_later) in [("+1d", true), ("-1d", false), ("+0", true)] {
        // The monitor may be behind the updater.
        let before = eventually(last_time, Option::is_some).unwrap();
        clock.set(jump);
        let end = Instant::now();
        // Only a jump changes the day this soon. The text of times in UTC sorts by time.
        let time = eventually(last_time, |time| time.as_ref().is_some_and(|time| time[..10] != before[..10])).unwrap();
        assert_eq!(time > before, is_later, "{before}, then {time}");
        let served = eventually(|| scene.load.seen().bodies, |bodies| bodies.keys().any(|body| body.contains(&time)));
        let first = served.iter().filter(|(body, _)| body.contains(&time)).map(|(_, at)| *at).min().unwrap();
        recovery = recovery.max(first - end);
        sleep(lasts / 3);
    }
    updater.terminate();
    updater.wait();
    let mut outcome = scene.end_of_updaters(&monitor, Instant::now());
    outcome.recovery = recovery;
    outcome
}

/// Recovery is the longest time from a jump until a reading written after it is served.
pub(super) fn of_the_api(lasts: Duration) -> Outcome {
    let clock = Clock::start();
    let mut scene = Scene::start(Setup { environment: clock.environment(), ..Setup::default() });
    let mut recovery = Duration::ZERO;
    let mut before = scene.modified_on();
    for jump in ["+1d", "-1d", "+0"] {
        clock.set(jump);
        recovery = recovery.max(scene.recovery(Instant::now()));
        let now = scene.modified_on();
        assert_ne!(now, before, "the API has not noticed the jump");
        before = now;
        sleep(lasts / 3);
    }
    scene.end(recovery)
}

impl Scene {
    /// The day of `Last-Modified`. It follows the API's clock, since all readings here are in the future.
    fn modified_on(&self) -> String {
        self.ask().header("last-modified").unwrap()[..16].to_owned()
    }
}

/// A wall clock for processes that can be set while they run.
struct Clock {
    library: PathBuf,
    offset: NamedTempFile,
}

impl Clock {
    fn start() -> Self {
        // For example /usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1.
        let candidates = std::fs::read_dir("/usr/lib").unwrap().filter_map(Result::ok);
        let library =
            candidates.map(|entry| entry.path().join("faketime/libfaketimeMT.so.1")).find(|path| path.exists());
        let library = library.expect("the package libfaketime is missing: `make faults` installs it");
        let clock = Self { library, offset: NamedTempFile::new().unwrap() };
        clock.set("+0");
        clock
    }

    /// Sets the clock to the real time plus an offset, such as `+1d`.
    fn set(&self, offset: &str) {
        std::fs::write(self.offset.path(), offset).unwrap();
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
        vec![
            ("LD_PRELOAD", text(&self.library)),
            ("FAKETIME_TIMESTAMP_FILE", text(self.offset.path())),
            ("FAKETIME_NO_CACHE", "1".into()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
        ]
    }
}
