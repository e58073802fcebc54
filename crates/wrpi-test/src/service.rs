//! A process that keeps its output line by line and does not outlive its test.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::usage::proc;
use crate::{PATIENCE, eventually, resident_bytes};

/// The lines so far. The condition variable is notified of each new one.
type Lines = Arc<(Mutex<Vec<String>>, Condvar)>;

/// A running or ended service, killed on drop.
#[derive(Debug)]
pub struct Service {
    child: Child,
    lines: Lines,
    readers: Vec<JoinHandle<()>>,
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
        command.env_clear().stdout(Stdio::piped()).stderr(Stdio::piped());
        for (name, value) in environment {
            command.env(name.as_ref(), value.as_ref());
        }
        Self::run(&mut command, "")
    }

    /// Runs `command` and keeps its piped outputs. If the program is missing, `advice` says where to get it.
    pub(crate) fn run(command: &mut Command, advice: &str) -> Self {
        let child = command.stdin(Stdio::null()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{:?}: {error}. {advice}", command.get_program()));
        let lines = Lines::default();
        let outputs: [Option<Box<dyn Read + Send>>; 2] =
            [child.stdout.take().map(|out| Box::new(out) as _), child.stderr.take().map(|err| Box::new(err) as _)];
        let read = |output: Box<dyn Read + Send>| {
            let lines = lines.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    lines.0.lock().unwrap().push(line);
                    lines.1.notify_all();
                }
            })
        };
        let readers = outputs.into_iter().flatten().map(read).collect();
        Self { child, lines, readers }
    }

    /// All lines of its output so far.
    pub fn output(&self) -> Vec<String> {
        self.lines.0.lock().unwrap().clone()
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
        let entry = self.find_line(seen, |line| entry_with(message, line));
        entry.unwrap_or_else(|| panic!("ended without {message:?}: {:#?}", self.output()))
    }

    /// The number of log lines so far that have this message.
    pub fn count_logged(&self, message: &str) -> usize {
        self.output().iter().filter_map(|line| entry_with(message, line)).count()
    }

    /// Waits for a line of the output for which `wanted` returns a value.
    pub fn printed<T>(&mut self, wanted: impl Fn(&str) -> Option<T>) -> T {
        let found = self.find_line(0, wanted);
        found.unwrap_or_else(|| panic!("ended without the wanted line: {:#?}", self.output()))
    }

    /// Waits for a line, from line `from` on, for which `wanted` returns a value. `None` if the process ends without one.
    fn find_line<T>(&mut self, from: usize, wanted: impl Fn(&str) -> Option<T>) -> Option<T> {
        let end = Instant::now() + PATIENCE;
        let mut has_ended = false;
        let lines = self.lines.clone();
        let mut known = lines.0.lock().unwrap();
        loop {
            if let Some(found) = known.iter().skip(from).find_map(|line| wanted(line)) {
                return Some(found);
            }
            if has_ended {
                return None;
            }
            assert!(Instant::now() < end, "timed out waiting for a line after these: {known:#?}");
            // The last lines may arrive after the process has ended.
            has_ended = self.child.try_wait().unwrap().is_some() && self.readers.iter().all(JoinHandle::is_finished);
            known = lines.1.wait_timeout(known, Duration::from_millis(100)).unwrap().0;
        }
    }

    /// The address of the listener named `name` (`public` or `admin`), from the log.
    pub fn address(&mut self, name: &str) -> String {
        self.logged("listening")[name].as_str().expect("an address").to_owned()
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    /// Sends SIGTERM, as an orchestrator does.
    pub fn terminate(&self) {
        self.signal(Signal::SIGTERM);
    }

    /// Sends SIGHUP, as a terminal does when it is closed.
    pub fn hang_up(&self) {
        self.signal(Signal::SIGHUP);
    }

    /// Pauses it with SIGSTOP: the kernel accepts connections, but nothing answers.
    pub fn pause(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Undoes [`Service::pause`].
    pub fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// Kills it with SIGKILL.
    pub fn kill(&mut self) {
        // SIGKILL also ends a paused process. A process that has ended already is only reaped.
        let _ended_already = self.child.kill();
        let _status = self.child.wait();
    }

    /// Waits until it has ended and its last line has arrived.
    pub fn wait(&mut self) -> ExitStatus {
        let status = eventually(|| self.child.try_wait().unwrap(), Option::is_some).unwrap();
        self.readers.drain(..).for_each(|reader| reader.join().unwrap());
        status
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// The process ID.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The number of open file descriptors.
    pub fn descriptors(&self) -> usize {
        proc(self.id()).fd_count().unwrap()
    }

    /// Its resident memory in KiB.
    pub fn resident_kib(&self) -> u64 {
        resident_bytes(self.id()) / 1024
    }

    /// Its resident memory in MiB.
    pub fn resident_mib(&self) -> u64 {
        self.resident_kib() / 1024
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The entry of the log in `line`, if it has this message.
fn entry_with(message: &str, line: &str) -> Option<Value> {
    serde_json::from_str(line).ok().filter(|entry: &Value| entry["message"] == message)
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
