//! Every fault, in the order of the table.

mod api;
mod clock;
mod log;
mod network;
mod redis;
mod resolver;
mod updater;

use std::time::Duration;

use crate::outcome::Outcome;
use crate::scene::{Scene, Setup};

/// Runs a fault for the given time.
pub(crate) type Fault = fn(Duration) -> Outcome;

/// The faults and their names.
pub(crate) const ALL: [(&str, Fault); 27] = [
    ("none", none),
    ("Redis killed and restarted", redis::killed),
    ("Redis paused", redis::paused),
    ("Redis flushed", redis::flushed),
    ("Redis replaced by an empty one", redis::replaced),
    ("Redis replaced, the old connection silent", redis::replaced_silently),
    ("Redis password rotated", redis::password_rotated),
    ("Redis full", redis::full),
    ("Redis a read-only replica", redis::read_only_replica),
    ("network cut towards Redis", network::cut_to_server),
    ("network cut towards the API", network::cut_to_client),
    ("connection half-open, nothing reaches Redis", network::half_open_to_server),
    ("connection half-open, nothing reaches the API", network::half_open_to_client),
    ("network slow", network::slow),
    ("accepted and never answered", network::never_answered),
    ("garbage on the wire", network::garbage),
    ("API killed and restarted", api::killed),
    ("API replica stopped by SIGTERM and restarted", api::terminated),
    ("API crowded by unauthenticated clients", api::crowded),
    ("API out of file descriptors", api::out_of_descriptors),
    ("clients that vanish", api::vanished),
    ("log flood", log::flooded),
    ("updater killed at any instant", updater::killed),
    ("two updaters at once", updater::two_at_once),
    ("updater hung", updater::hung),
    ("updater's clock jumps both ways", clock::of_the_updater),
    ("API's clock jumps both ways", clock::of_the_api),
];

/// Further faults, each of which needs a network and mount namespace: root's, or those of `.ci/in-namespaces`.
pub(crate) const IN_NAMESPACES: [(&str, Fault); 2] =
    [("the first name server silent", resolver::first_silent), ("no name server at all", resolver::all_silent)];

/// The baseline: nothing is broken.
fn none(lasts: Duration) -> Outcome {
    let mut scene = Scene::start(Setup::default());
    std::thread::sleep(lasts);
    let recovery = scene.recovery(std::time::Instant::now());
    scene.end(recovery)
}
