//! The log of a process, seen from outside. The test binary starts itself as the process that logs.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::pipe;
use std::process::{Command, Stdio};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tracing::{debug, error, info, trace, warn};
use wrpi_core::{settings, telemetry};
use wrpi_test::eventually;

/// If set, this binary is the process that logs, and writes this many lines.
const LINES: &str = "TEST_LINES";

/// A process that logs `lines` lines, of which a panic logs the last, and fails.
fn process(lines: usize) -> Command {
    let mut command = this_binary("writes_queued_lines_at_the_end_and_logs_a_panic_as_one_line");
    command.env(LINES, lines.to_string());
    command
}

/// This binary, running one test without the settings of its caller.
fn this_binary(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env_clear().stdin(Stdio::null());
    command
}

fn start_log() -> telemetry::Log {
    let variables = |name: &str| std::env::var_os(name);
    settings::load(&variables, |reader| Some(telemetry::Settings::read(reader))).unwrap().init()
}

/// The work of that process.
fn log_and_exit(lines: &str) -> ! {
    let log = start_log();
    for line in 1..lines.parse().unwrap() {
        info!(target: "wrpi_test", line, "a line");
    }
    let panicked = std::thread::spawn(|| panic!("on\npurpose")).join();
    assert!(panicked.is_err());
    let code = log.end(Err("in the end"));
    std::process::exit(if code == std::process::ExitCode::FAILURE { 7 } else { 8 });
}

#[test]
fn writes_queued_lines_at_the_end_and_logs_a_panic_as_one_line() {
    if let Ok(lines) = std::env::var(LINES) {
        log_and_exit(&lines);
    }
    let output = process(200).stdout(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(7));
    let log = String::from_utf8(output.stderr).unwrap();
    let entries: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (last, numbered) = entries.split_last_chunk::<2>().map(|(numbered, last)| (last, numbered)).unwrap();
    assert_eq!(
        numbered.iter().map(|entry| entry["line"].as_u64().unwrap()).collect::<Vec<_>>(),
        (1..200).collect::<Vec<_>>()
    );
    assert_eq!((&last[0]["message"], &last[0]["level"]), (&"panicked".into(), &"ERROR".into()));
    assert!(last[0]["panic"].as_str().unwrap().ends_with("on\npurpose"), "{}", last[0]);
    assert_eq!((&last[1]["message"], &last[1]["error"]), (&"ended with an error".into(), &"in the end".into()));
}

#[test]
fn a_process_ends_if_its_log_is_not_read_or_cannot_be_read() {
    for is_open in [true, false] {
        let (reader, writer) = pipe().unwrap();
        let _unread = is_open.then_some(reader);
        let mut process = process(10_000).stdout(Stdio::null()).stderr(writer).spawn().unwrap();
        let status = eventually(|| process.try_wait().unwrap(), Option::is_some);
        assert_eq!(status.unwrap().code(), Some(7), "{is_open}");
    }
}

#[test]
fn names_severity_time_and_labels_as_cloud_logging_does() {
    if std::env::var("LOG_FORMAT").is_ok() {
        let log = start_log();
        trace!(target: "wrpi_test", severity = "forged", time = "forged", target = "forged", "trace");
        debug!(target: "wrpi_test", request_id = "a1", count = 3, "debug");
        info!(target: "wrpi_test", request_id = None::<&str>, "info");
        warn!(target: "wrpi_test", "two\nlines");
        error!(target: "wrpi_test", error = "\"quoted\"", "error");
        let _code = log.end(Ok::<_, String>(()));
        return;
    }
    let mut process = this_binary("names_severity_time_and_labels_as_cloud_logging_does");
    let output = process.env("LOG_FORMAT", "google").env("RUST_LOG", "wrpi_test=trace").output().unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    let mut entries: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for entry in &mut entries {
        let time = entry.as_object_mut().unwrap().remove("time").unwrap();
        let age = Utc::now() - DateTime::parse_from_rfc3339(time.as_str().unwrap()).unwrap().to_utc();
        assert!((0..60).contains(&age.num_seconds()), "{time}");
    }
    let target = "wrpi_test";
    let labels = "logging.googleapis.com/labels";
    let expected = [
        json!({"severity": "DEBUG", "message": "trace", "target": target}),
        json!({"severity": "DEBUG", "message": "debug", "target": target, "count": 3, labels: {"request_id": "a1"}}),
        json!({"severity": "INFO", "message": "info", "target": target}),
        json!({"severity": "WARNING", "message": "two\nlines", "target": target}),
        json!({"severity": "ERROR", "message": "error", "target": target, "error": "\"quoted\""}),
    ];
    assert_eq!(entries, expected);
}
