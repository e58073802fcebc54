//! The log of a process, seen from outside. The test binary starts itself as the process that logs.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::pipe;
use std::process::{Command, Stdio};

use serde_json::Value;
use tracing::info;
use wrpi_core::{settings, telemetry};
use wrpi_test::eventually;

/// If set, this binary is the process that logs, and writes this many lines.
const LINES: &str = "TEST_LINES";

/// A process that logs `lines` lines, of which a panic logs the last, and fails.
fn process(lines: usize) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "writes_queued_lines_at_the_end_and_logs_a_panic_as_one_line", "--nocapture"]);
    command.env_clear().env(LINES, lines.to_string()).stdin(Stdio::null());
    command
}

/// The work of that process.
fn log_and_exit(lines: &str) -> ! {
    let settings = settings::load(&|_| None, |reader| Some(telemetry::Settings::read(reader)));
    let log = settings.unwrap().init();
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
