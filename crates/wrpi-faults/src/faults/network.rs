//! The network between Redis and the API fails, while new readings are written to Redis.

use std::thread::sleep;
use std::time::{Duration, Instant};

use wrpi_test::Direction::{ToClient, ToServer};
use wrpi_test::{Path, Proxy};

use crate::outcome::Outcome;
use crate::scene::{Scene, Setup};

pub(super) fn cut_to_server(lasts: Duration) -> Outcome {
    disturbed(lasts, |proxy| proxy.set(ToServer, Path::Held))
}

pub(super) fn cut_to_client(lasts: Duration) -> Outcome {
    disturbed(lasts, |proxy| proxy.set(ToClient, Path::Held))
}

pub(super) fn half_open_to_server(lasts: Duration) -> Outcome {
    disturbed(lasts, |proxy| proxy.set(ToServer, Path::Lost))
}

pub(super) fn half_open_to_client(lasts: Duration) -> Outcome {
    disturbed(lasts, |proxy| proxy.set(ToClient, Path::Lost))
}

pub(super) fn slow(lasts: Duration) -> Outcome {
    disturbed(lasts, |proxy| proxy.set_both(Path::Slow(Duration::from_millis(300))))
}

pub(super) fn never_answered(lasts: Duration) -> Outcome {
    disturbed(lasts, |proxy| {
        proxy.set_both(Path::Lost);
        proxy.cut();
    })
}

/// A message that breaks off looks like one that has not arrived yet. The API finds it at its next heartbeat.
pub(super) fn garbage(lasts: Duration) -> Outcome {
    let environment = vec![("REDIS_HEARTBEAT", "1s".to_owned())];
    disturbed_with(Setup { environment, ..Setup::default() }, lasts, |proxy| proxy.set(ToClient, Path::Garbage))
}

fn disturbed(lasts: Duration, disturb: impl Fn(&Proxy)) -> Outcome {
    disturbed_with(Setup::default(), lasts, disturb)
}

/// Writes a new reading to Redis every half second while the network is disturbed.
fn disturbed_with(setup: Setup, lasts: Duration, disturb: impl Fn(&Proxy)) -> Outcome {
    let mut scene = Scene::start(setup);
    disturb(&scene.proxy);
    let began = Instant::now();
    while began.elapsed() < lasts {
        scene.write();
        sleep(Duration::from_millis(500));
    }
    scene.proxy.set_both(Path::Clear);
    let recovery = scene.recovery(Instant::now());
    scene.end(recovery)
}
