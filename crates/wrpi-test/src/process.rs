//! A child process that keeps its output line by line and does not outlive its test.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{PATIENCE, eventually};

/// The lines so far. The condition variable is notified of each new one.
type Lines = Arc<(Mutex<Vec<String>>, Condvar)>;

/// A running or ended child.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    lines: Lines,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts `command` and keeps its piped outputs.
    pub(crate) fn spawn(command: &mut Command) -> std::io::Result<Self> {
        let mut child = command.spawn()?;
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
        Ok(Self { child, lines, readers })
    }

    /// All lines so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.0.lock().unwrap().clone()
    }

    /// Waits for a line, from line `from` on, for which `wanted` returns a value. `None` if the process ends without
    /// one.
    pub(crate) fn find_line<T>(&mut self, from: usize, wanted: impl Fn(&str) -> Option<T>) -> Option<T> {
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

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    /// Waits until the process has ended and its last line has arrived.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let status = eventually(|| self.child.try_wait().unwrap(), Option::is_some).unwrap();
        self.readers.drain(..).for_each(|reader| reader.join().unwrap());
        status
    }

    /// Whether it still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(&mut self) {
        // SIGKILL also ends a paused process. A process that has ended already is only reaped.
        let _ended_already = self.child.kill();
        let _status = self.child.wait();
    }

    /// The process ID.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
