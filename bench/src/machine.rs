//! The machine: which core does what, and what the kernel says that a process has used.

use std::fs::read_to_string;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;

/// The unit of the times in `/proc/PID/stat`: the same on every Linux, whatever the kernel's own tick.
const TICK: Duration = Duration::from_millis(10);

/// The cores: what is measured never shares one with what measures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    /// For the servers and Redis.
    pub(crate) server: usize,
    /// For the load.
    pub(crate) load: usize,
}

impl Cores {
    /// The first and the last core that this process may use.
    pub(crate) fn find() -> Result<Self> {
        let allowed = sched_getaffinity(Pid::from_raw(0))?;
        let mut cores = (0..CpuSet::count()).filter(|core| allowed.is_set(*core).unwrap_or(false));
        let (server, load) = (cores.next().context("no core")?, cores.next_back());
        Ok(Self { server, load: load.context("two cores are needed: one for the server, one for the load")? })
    }

    /// Runs `start` on one core; what it spawns stays there.
    pub(crate) fn pinned<T>(core: usize, start: impl FnOnce() -> Result<T>) -> Result<T> {
        let this_thread = Pid::from_raw(0);
        let before = sched_getaffinity(this_thread)?;
        let mut only = CpuSet::new();
        only.set(core)?;
        sched_setaffinity(this_thread, &only)?;
        let started = start();
        sched_setaffinity(this_thread, &before)?;
        started
    }
}

/// User and system time of all threads of a process.
pub(crate) fn cpu_time(process: u32) -> Result<Duration> {
    let stat = read_to_string(format!("/proc/{process}/stat")).context("a server has ended")?;
    // The name, in parentheses, may hold anything; `utime` and `stime` are the 12th and 13th fields behind it.
    let fields = stat.rsplit_once(')').map(|(_, fields)| fields.split_whitespace().skip(11).take(2));
    let ticks = fields.into_iter().flatten().map(str::parse::<u32>).sum::<Result<u32, _>>()?;
    Ok(TICK * ticks)
}

/// What `/proc` calls a kB, in bytes.
pub(crate) const KIB: f64 = 1024.0;

/// Lets this process, and what it spawns, have `wanted` open descriptors.
pub(crate) fn allow_descriptors(wanted: u64) -> Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    ensure!(most >= wanted, "{wanted} open files are needed; the limit (ulimit -Hn) is {most}");
    setrlimit(Resource::RLIMIT_NOFILE, most, most).context("cannot raise the limit of open files")
}

/// How many processes wanted a core in the last minute, on average.
pub(crate) fn load_average() -> Result<f64> {
    let averages = read_to_string("/proc/loadavg")?;
    Ok(averages.split_whitespace().next().context("no load average")?.parse()?)
}
