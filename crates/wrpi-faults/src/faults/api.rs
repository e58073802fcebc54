//! The API itself fails, or is stopped.

use std::net::TcpStream;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use wrpi_test::{Connection, Response, eventually, send, set_deaf};

use crate::outcome::Outcome;
use crate::scene::{Scene, Setup};

/// There is no other replica, so requests fail while the API is down. None may fail after the first response. Recovery
/// is the time from the API's start to this response.
pub(super) fn killed(lasts: Duration) -> Outcome {
    let mut scene = Scene::start(Setup::default());
    let absent = Instant::now();
    scene.apis[0].service.kill();
    sleep(lasts);
    let start = Instant::now();
    scene.apis[0].restart();
    let back = scene.load.good_after(start);
    scene.recovery(back);
    // A request that failed earlier may be recorded just after the first good response.
    scene.end_with_absence(back - start, Some(absent..back + Duration::from_millis(5)))
}

/// Clients use two replicas, as behind a load balancer. One is replaced under load and no request fails. Recovery is
/// the time from the start of the new replica until it is ready.
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

/// Unauthenticated clients open as many connections as they can, and keep opening more. Authenticated connections
/// continue, the admin listener accepts new ones, and new clients evict unauthenticated ones. Recovery is the time from
/// the first unauthenticated connection until a new client gets a response.
pub(super) fn crowded(lasts: Duration) -> Outcome {
    let mut scene = Scene::start(Setup { wrapper: &["prlimit", "--nofile=400"], ..Setup::default() });
    let admin = scene.apis[0].admin.clone();
    let began = Instant::now();
    let mut unauthenticated = connect_unauthenticated(&scene, 400);
    let recovery = wait_for_new_client(&scene, began);
    while began.elapsed() < lasts {
        unauthenticated.extend(connect_unauthenticated(&scene, 10));
        assert_eq!(send(&admin, "GET", "/readyz", &[]).status, 200);
        wait_for_new_client(&scene, Instant::now());
        let newest = scene.write();
        scene.load.first(&newest);
        sleep(Duration::from_millis(100));
    }
    drop(unauthenticated);
    scene.end(recovery)
}

/// The process cannot open descriptors, neither for new clients nor to reconnect to Redis. Open connections, including
/// a probe's, continue. Recovery is the time from the end of the fault until a new client gets the newest reading.
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
    let unauthenticated = connect_unauthenticated(&scene, 50);
    scene.proxy.cut();
    let began = Instant::now();
    while began.elapsed() < lasts {
        assert_eq!(probe.request("GET", "/readyz", &[]).unwrap().status, 200);
        sleep(Duration::from_millis(100));
    }
    limit("1024:");
    let end = Instant::now();
    drop(probe);
    let until_client = wait_for_new_client(&scene, end);
    drop(unauthenticated);
    let recovery = scene.recovery(end).max(until_client);
    scene.end(recovery)
}

/// Clients with the password take all places that the load leaves, half of them with streams, and disappear. Open
/// connections continue, and new clients are refused until the kernel has ended those that are gone. Recovery is the time
/// from the loss until a new client gets a response.
pub(super) fn vanished(_: Duration) -> Outcome {
    let places = "200";
    let environment = vec![("MAX_CONNECTIONS", places.to_owned())];
    let mut scene = Scene::start(Setup { environment, ..Setup::default() });
    scene.max_recovery = Duration::from_secs(30);
    let credentials = scene.apis[0].credentials();
    let headers = [("Authorization", credentials.as_str())];
    let mut vanishing = Vec::new();
    for target in ["/v0/wrpi", "/v0/wrpi/stream"].into_iter().cycle() {
        let stream = TcpStream::connect(&scene.apis[0].address).unwrap();
        let mut connection = Connection::over(stream.try_clone().unwrap());
        if connection.request("GET", target, &headers).is_err() {
            break;
        }
        vanishing.push(stream);
    }
    assert_eq!(scene.apis[0].metric(r#"http_connections_active{listener="public"}"#), places);
    vanishing.iter().for_each(|stream| set_deaf(stream, true));
    let recovery = wait_for_new_client(&scene, Instant::now());
    drop(vanishing);
    scene.recovery(Instant::now());
    scene.end(recovery)
}

fn connect_unauthenticated(scene: &Scene, count: usize) -> Vec<TcpStream> {
    (0..count).map(|_| TcpStream::connect(&scene.apis[0].address).unwrap()).collect()
}

fn ask_as_new_client(scene: &Scene) -> std::io::Result<Response> {
    Connection::open(&scene.apis[0].address)?.request("GET", "/", &[])
}

/// Waits until a new client gets a response. Returns the time from `end` until then.
fn wait_for_new_client(scene: &Scene, end: Instant) -> Duration {
    eventually(|| ask_as_new_client(scene).is_ok_and(|answer| answer.status == 200), |is_answered| *is_answered);
    end.elapsed()
}
