//! A service as a separate process.

use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::process::Process;

/// A spawned service. It keeps the JSON log and kills the process on drop.
#[derive(Debug)]
pub struct Service {
    process: Process,
}

impl Service {
    /// Starts the binary at `path`, such as `env!("CARGO_BIN_EXE_…")`. `environment` is its whole environment.
    pub fn spawn<N: AsRef<str>, V: AsRef<str>>(path: &str, environment: impl IntoIterator<Item = (N, V)>) -> Self {
        Self::start(Command::new(path), environment)
    }

    /// Starts the [`binary`] named `name` with `arguments`. `wrapper` is a command that runs it, such as `valgrind`; if
    /// empty, the binary is started directly.
    pub fn wrapped<N: AsRef<str>, V: AsRef<str>>(
        wrapper: &[&str],
        name: &str,
        arguments: &[&str],
        environment: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let binary = binary(name);
        let mut words = [wrapper, &[&binary], arguments].concat().into_iter();
        let mut command = Command::new(words.next().unwrap());
        command.args(words);
        Self::start(command, environment)
    }

    /// Like [`Service::spawn`], for a command with arguments.
    pub fn start<N: AsRef<str>, V: AsRef<str>>(
        mut command: Command,
        environment: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for (name, value) in environment {
            command.env(name.as_ref(), value.as_ref());
        }
        let process = Process::spawn(&mut command);
        Self { process: process.unwrap_or_else(|error| panic!("{:?}: {error}", command.get_program())) }
    }

    /// All lines of its output so far.
    pub fn output(&self) -> Vec<String> {
        self.process.lines()
    }

    /// Waits for the first line of the log with this message.
    ///
    /// # Panics
    ///
    /// When the service ends without logging it.
    pub fn logged(&mut self, message: &str) -> Value {
        self.logged_after(0, message)
    }

    /// Like [`Service::logged`], but skips the first `seen` lines of its output.
    pub fn logged_after(&mut self, seen: usize, message: &str) -> Value {
        let entry = self.process.find_line(seen, |line| {
            let entry: Value = serde_json::from_str(line).ok()?;
            (entry["message"] == message).then_some(entry)
        });
        entry.unwrap_or_else(|| panic!("ended without {message:?}: {:#?}", self.output()))
    }

    /// The number of log lines so far that have this message.
    pub fn count_logged(&self, message: &str) -> usize {
        let entries = self.output();
        entries
            .iter()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|e| e["message"] == message)
            .count()
    }

    /// Waits for a line of the output for which `wanted` returns a value.
    pub fn printed<T>(&mut self, wanted: impl Fn(&str) -> Option<T>) -> T {
        let found = self.process.find_line(0, wanted);
        found.unwrap_or_else(|| panic!("ended without the wanted line: {:#?}", self.output()))
    }

    /// The address of the listener named `name` (`public` or `admin`), from the log.
    pub fn address(&mut self, name: &str) -> String {
        self.logged("listening")[name].as_str().expect("an address").to_owned()
    }

    /// Sends SIGTERM, as an orchestrator does.
    pub fn terminate(&self) {
        self.process.signal(Signal::SIGTERM);
    }

    /// Sends SIGHUP, as a terminal does when it is closed.
    pub fn hang_up(&self) {
        self.process.signal(Signal::SIGHUP);
    }

    /// Kills the service with SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Pauses the service with SIGSTOP.
    pub fn pause(&self) {
        self.process.signal(Signal::SIGSTOP);
    }

    /// Undoes [`Service::pause`].
    pub fn resume(&self) {
        self.process.signal(Signal::SIGCONT);
    }

    /// The number of open file descriptors.
    pub fn descriptors(&self) -> usize {
        proc(self.id()).fd_count().unwrap()
    }

    /// Its resident memory in KiB.
    pub fn resident_kib(&self) -> u64 {
        resident_bytes(self.id()) / 1024
    }

    /// Waits until the service ends.
    pub fn wait(&mut self) -> ExitStatus {
        self.process.wait()
    }

    /// Whether the service still runs.
    pub fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    /// The process ID.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Its resident memory in MiB.
    pub fn resident_mib(&self) -> u64 {
        self.resident_kib() / 1024
    }
}

/// The resident memory of a process in bytes.
///
/// # Panics
///
/// When the process has ended.
pub fn resident_bytes(process: u32) -> u64 {
    // The kernel's "kB" has 1024 bytes.
    proc(process).status().unwrap().vmrss.expect("the process runs") * 1024
}

/// The CPU time of all running threads of a process.
///
/// # Panics
///
/// When the process has ended.
pub fn cpu_time(process: u32) -> Duration {
    // A thread may end meanwhile.
    let threads = proc(process).tasks().unwrap().filter_map(|thread| thread.ok()?.schedstat().ok());
    Duration::from_nanos(threads.map(|thread| thread.sum_exec_runtime).sum())
}

/// The CPU time of this thread.
pub fn thread_cpu_time() -> Duration {
    let this = proc(std::process::id()).task_from_tid(nix::unistd::gettid().as_raw()).unwrap();
    Duration::from_nanos(this.schedstat().unwrap().sum_exec_runtime)
}

fn proc(process: u32) -> procfs::process::Process {
    procfs::process::Process::new(process.try_into().unwrap()).expect("the process runs")
}

/// The path of a binary of the project in the target directory of this one.
///
/// # Panics
///
/// When the binary does not exist, with advice.
pub fn binary(name: &str) -> String {
    let this = std::env::current_exe().unwrap();
    let directory = this.parent().unwrap();
    // Test binaries are in the subdirectory `deps`.
    let directory = if directory.ends_with("deps") { directory.parent().unwrap() } else { directory };
    let path = directory.join(name);
    assert!(path.exists(), "{} does not exist: run this by its make target, which builds it", path.display());
    path.into_os_string().into_string().unwrap()
}
