//! A process that is held while it reads its settings.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use crate::{Service, eventually, random_password};

/// SIGINT and SIGTERM among the caught signals of `/proc/PID/status`.
const BOTH: u64 = 1 << 1 | 1 << 14;

/// Starts the binary at `path` with `environment` and a FIFO as the file that `file_variable` names: a reader of it
/// waits until somebody writes. Waits until the process handles signals, asks it to stop, lets go of it, and gives
/// its exit code. As PID 1 of a container it would ignore a signal that it does not handle.
pub fn terminate_at_settings(path: &str, file_variable: &str, environment: &[(&str, &str)]) -> Option<i32> {
    let directory = TempDir::new().unwrap();
    let fifo = directory.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let mut service = Service::spawn(path, [&[(file_variable, fifo.to_str().unwrap())], environment].concat());
    let caught = || {
        let status = fs::read_to_string(format!("/proc/{}/status", service.id())).unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
        u64::from_str_radix(mask.trim(), 16).unwrap()
    };
    eventually(caught, |caught| caught & BOTH == BOTH);
    service.terminate();
    fs::write(&fifo, random_password()).unwrap();
    service.wait().code()
}
