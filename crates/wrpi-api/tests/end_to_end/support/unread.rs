//! An API whose log nobody reads: standard error is a pipe that fills up.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use wrpi_test::eventually;

/// A process whose log is read only until it listens.
pub(crate) struct Unread {
    process: Child,
    _log: Lines<BufReader<ChildStderr>>,
    pub(crate) address: String,
    pub(crate) admin: String,
}

impl Unread {
    pub(crate) fn start(environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wrpi-api"));
        command.env_clear().envs(environment.iter().copied());
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        let listening = log.find_map(|line| {
            let entry: Value = serde_json::from_str(&line.unwrap()).unwrap();
            (entry["message"] == "listening").then_some(entry)
        });
        let listening = listening.unwrap();
        let address = |listener: &str| listening[listener].as_str().unwrap().to_owned();
        Self { address: address("public"), admin: address("admin"), process, _log: log }
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        kill(Pid::from_raw(self.process.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
        eventually(|| self.process.try_wait().unwrap(), Option::is_some).unwrap()
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let _ended_already = self.process.kill();
        let _status = self.process.wait();
    }
}
