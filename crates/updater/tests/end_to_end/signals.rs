//! Signals are handled from the start: as PID 1 of a container a process ignores those for which it has no handler.

use std::fs;
use std::process::Command;

use wrpi_test::{Service, eventually, random_password};

use crate::UPDATER;

/// SIGINT and SIGTERM among the caught signals of `/proc/PID/status`.
const BOTH: u64 = 1 << 1 | 1 << 14;

#[test]
fn they_are_handled_before_the_settings_are_read() {
    let directory = tempfile::tempdir().unwrap();
    // Whoever reads a FIFO waits until somebody writes: so the updater stays at its settings.
    let fifo = directory.path().join("password");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let variables = [("REDIS_PASS_FILE", fifo.to_str().unwrap()), ("REDIS_PORT", "1"), ("UPDATE_INTERVAL", "60m")];
    let mut updater = Service::spawn(UPDATER, variables);
    let caught = || {
        let status = fs::read_to_string(format!("/proc/{}/status", updater.id())).unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
        u64::from_str_radix(mask.trim(), 16).unwrap()
    };
    eventually(caught, |caught| caught & BOTH == BOTH);
    updater.terminate();
    fs::write(&fifo, random_password()).unwrap();
    assert_eq!(updater.wait().code(), Some(0));
}
