//! The API itself fails, or is stopped.

use std::net::TcpStream;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use wrpi_test::{Connection, Response, eventually, send};

use crate::outcome::Outcome;
use crate::scene::{Scene, Setup};

/// There is no other replica, so that requests fail while it is away. None may once it has answered again; recovery
/// is from its start until then.
pub(super) fn killed(lasts: Duration) -> Outcome {
    let mut scene = Scene::start(Setup::default());
    let absent = Instant::now();
    scene.apis[0].service.kill();
    sleep(lasts);
    let start = Instant::now();
    scene.apis[0].restart();
    let back = scene.load.good_after(start);
    scene.recovery(back);
    // A request that had failed already may be noted a moment after the first good answer.
    scene.end_with_absence(back - start, Some(absent..back + Duration::from_millis(5)))
}

/// Clients have two replicas, as behind a load balancer, and one is replaced under them: no request fails. Recovery
/// is from the start of the new one until it serves.
pub(super) fn terminated(lasts: Duration) -> Outcome {
    let mut scene = Scene::start(Setup { more_apis: 1, ..Setup::default() });
    scene.apis[0].service.terminate();
    assert_eq!(scene.apis[0].service.wait().code(), Some(0));
    sleep(lasts);
    let start = Instant::now();
    scene.apis[0].restart();
    let ready = || Connection::open(&scene.apis[0].admin)?.request("GET", "/readyz", &[]);
    eventually(|| ready().is_ok_and(|answer| answer.status == 200), |is_ready| *is_ready);
    let recovery = start.elapsed();
    scene.recovery(start);
    scene.end(recovery)
}

/// Strangers open as many connections as they can, and ever more. Those of clients go on, the admin listener takes new
/// ones, and new clients take strangers' places; recovery is from the strangers' first until a new client is answered.
pub(super) fn crowded(lasts: Duration) -> Outcome {
    let mut scene = Scene::start(Setup { wrapper: &["prlimit", "--nofile=400"], ..Setup::default() });
    let admin = scene.apis[0].admin.clone();
    let began = Instant::now();
    let mut strangers = connect_strangers(&scene, 400);
    let recovery = until_new_client_is_answered(&scene, began);
    while began.elapsed() < lasts {
        strangers.extend(connect_strangers(&scene, 10));
        assert_eq!(send(&admin, "GET", "/readyz", &[]).status, 200);
        until_new_client_is_answered(&scene, Instant::now());
        let news = scene.write();
        scene.load.first(&news);
        sleep(Duration::from_millis(100));
    }
    drop(strangers);
    scene.end(recovery)
}

/// The process may open nothing more, neither for strangers that wait nor to reach Redis again. Connections go on,
/// that of a probe too; recovery is from then until a new client is answered with the newest reading.
pub(super) fn out_of_descriptors(lasts: Duration) -> Outcome {
    let mut scene = Scene::start(Setup::default());
    let mut probe = Connection::open(&scene.apis[0].admin).unwrap();
    assert_eq!(probe.request("GET", "/readyz", &[]).unwrap().status, 200);
    let limit = |limit: &str| {
        let process = scene.apis[0].service.id().to_string();
        let status = Command::new("prlimit").args(["--pid", &process, &format!("--nofile={limit}")]).status();
        assert!(status.unwrap().success());
    };
    limit("1:");
    let strangers = connect_strangers(&scene, 50);
    scene.proxy.cut();
    let began = Instant::now();
    while began.elapsed() < lasts {
        assert_eq!(probe.request("GET", "/readyz", &[]).unwrap().status, 200);
        sleep(Duration::from_millis(100));
    }
    limit("1024:");
    let end = Instant::now();
    drop(probe);
    let until_client = until_new_client_is_answered(&scene, end);
    drop(strangers);
    let recovery = scene.recovery(end).max(until_client);
    scene.end(recovery)
}

fn connect_strangers(scene: &Scene, count: usize) -> Vec<TcpStream> {
    (0..count).map(|_| TcpStream::connect(&scene.apis[0].address).unwrap()).collect()
}

fn ask_as_new_client(scene: &Scene) -> std::io::Result<Response> {
    Connection::open(&scene.apis[0].address)?.request("GET", "/", &[])
}

/// How long that is after `end`.
fn until_new_client_is_answered(scene: &Scene, end: Instant) -> Duration {
    eventually(|| ask_as_new_client(scene).is_ok_and(|answer| answer.status == 200), |is_answered| *is_answered);
    end.elapsed()
}
