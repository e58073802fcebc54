//! Stops a process with a signal while it reads its settings.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use crate::usage::proc;
use crate::{Service, eventually, random_password};

/// The bits of SIGINT and SIGTERM in `SigCgt` of `/proc/PID/status`.
const BOTH: u64 = 1 << 1 | 1 << 14;

/// Starts the binary at `path` with `environment`, and with a FIFO as the file in `file_variable`: the process blocks
/// on reading it. Waits until the process handles signals, sends SIGTERM, writes to the FIFO, and returns the exit
/// code. As PID 1 of a container, a process ignores signals that it does not handle.
pub fn terminate_at_settings(path: &str, file_variable: &str, environment: &[(&str, &str)]) -> Option<i32> {
    let directory = TempDir::new().unwrap();
    let fifo = directory.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let mut service = Service::spawn(path, [&[(file_variable, fifo.to_str().unwrap())], environment].concat());
    eventually(|| proc(service.id()).status().unwrap().sigcgt, |caught| caught & BOTH == BOTH);
    service.terminate();
    fs::write(&fifo, random_password()).unwrap();
    service.wait().code()
}
