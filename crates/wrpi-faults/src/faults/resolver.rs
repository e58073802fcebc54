//! Name servers do not answer, and the connection between Redis and the API is cut. Each fault runs in namespaces.

use std::net::Ipv4Addr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use wrpi_test::{Nameserver, Network, SILENT};

use crate::outcome::Outcome;
use crate::scene::{Scene, Setup};

const NAME: &str = "redis.test";
const LOCAL: &str = "127.0.0.1";

/// Every look-up takes five seconds, so an updater needs that long. The API uses the address that it knows.
pub(super) fn first_silent(lasts: Duration) -> Outcome {
    disturbed(lasts, &[SILENT, LOCAL], |scene| {
        let stored = scene.updater_stores(&[("REDIS_HOST", NAME.into())]);
        scene.load.first(&stored);
    })
}

/// No look-up ends in an answer. The updater must say so.
pub(super) fn all_silent(lasts: Duration) -> Outcome {
    disturbed(lasts, &[SILENT], |scene| {
        let variables = [("REDIS_HOST", NAME.into()), ("UPDATE_DEADLINE", "1s".into())];
        let mut updater = scene.updater(&variables);
        assert_eq!(updater.wait().code(), Some(1));
        let output = updater.output().join("\n");
        assert!(output.contains("cannot resolve the name redis.test"), "{output}");
    })
}

/// Recovery is the time from the cut until a reading written after it is served, while the name servers are as set.
fn disturbed(lasts: Duration, nameservers: &[&str], check_updater: impl Fn(&mut Scene)) -> Outcome {
    let network = Network::enter();
    network.set_nameservers(&[LOCAL]);
    let _nameserver = Nameserver::start(Ipv4Addr::LOCALHOST, &[(NAME, LOCAL)]);
    let environment = vec![("REDIS_HOST", NAME.to_owned())];
    let mut scene = Scene::start(Setup { environment, ..Setup::default() });
    network.set_nameservers(nameservers);
    scene.proxy.cut();
    let recovery = scene.recovery(Instant::now());
    check_updater(&mut scene);
    sleep(lasts);
    let later = scene.recovery(Instant::now());
    scene.end(recovery.max(later))
}
