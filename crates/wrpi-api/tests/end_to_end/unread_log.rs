//! A log that nobody reads: standard error is a pipe that is full.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStderr, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use wrpi_test::{Connection, basic, eventually, random_password, send};

/// Far more lines than a pipe and the log's queue hold.
const REQUESTS: usize = 3_000;

/// A process and its log, which is read only as far as a test needs.
struct Unread {
    process: Child,
    log: Lines<BufReader<ChildStderr>>,
}

impl Drop for Unread {
    fn drop(&mut self) {
        let _has_ended = self.process.kill();
        let _status = self.process.wait();
    }
}

#[test]
fn it_holds_up_no_request_no_probe_and_no_end() {
    let password = random_password();
    let mut command = Command::new(env!("CARGO_BIN_EXE_wrpi-api"));
    // Nothing listens at the port 1: there is never a reading, and each request is worth a line.
    command.env_clear().envs([
        ("REDIS_HOST", "127.0.0.1"),
        ("REDIS_PORT", "1"),
        ("APP_PASSWORD", &*password),
        ("LISTEN_ADDR", "127.0.0.1:0"),
        ("ADMIN_ADDR", "127.0.0.1:0"),
    ]);
    let mut process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let log = BufReader::new(process.stderr.take().unwrap()).lines();
    let mut api = Unread { process, log };
    let entry = api.log.find_map(|line| {
        let entry: Value = serde_json::from_str(&line.unwrap()).unwrap();
        (entry["message"] == "listening").then_some(entry)
    });
    let entry = entry.unwrap();
    let address = |listener: &str| entry[listener].as_str().unwrap().to_owned();

    let mut connection = Connection::open(&address("public")).unwrap();
    let credentials = basic(&format!("any:{password}"));
    for _ in 0..REQUESTS {
        let answer = connection.request("GET", "/v0/wrpi", &[("Authorization", &credentials)]).unwrap();
        assert_eq!(answer.status, 503);
    }
    assert_eq!(send(&address("admin"), "GET", "/livez", &[]).status, 200);
    let metrics = send(&address("admin"), "GET", "/metrics", &[]).body;
    let dropped = metrics.lines().find_map(|line| line.strip_prefix("wrpi_log_lines_dropped_total "));
    let dropped: usize = dropped.expect(&metrics).parse().unwrap();
    assert!((1..REQUESTS).contains(&dropped), "{dropped}");

    kill(Pid::from_raw(api.process.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    let status = eventually(|| api.process.try_wait().unwrap(), Option::is_some);
    assert!(status.unwrap().success(), "{status:?}");
}
