//! The machine: which core does what, and what the kernel says that a process has used.

use std::fs::{read_dir, read_to_string};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;

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

/// What all running threads of a process have used of the CPU, to the nanosecond.
pub(crate) fn cpu_time(process: u32) -> Result<Duration> {
    let mut nanoseconds = 0;
    for thread in read_dir(format!("/proc/{process}/task")).context("a server has ended")? {
        // On the CPU, waiting for it, and how often it got it.
        let used = read_to_string(thread?.path().join("schedstat"))?;
        nanoseconds += used.split_whitespace().next().context("no CPU time")?.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// What `/proc` calls a kB, in bytes.
pub(crate) const KIB: f64 = 1024.0;

/// Lets this process, and what it spawns, have `wanted` open descriptors.
pub(crate) fn allow_descriptors(wanted: u64) -> Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    ensure!(most >= wanted, "{wanted} open files are needed; the limit (ulimit -Hn) is {most}");
    setrlimit(Resource::RLIMIT_NOFILE, most, most).context("cannot raise the limit of open files")
}

/// The load average up to which a machine counts as quiet. Measures have both of two cores for themselves then in at
/// least half of the time, and the rounds show whether it was so.
pub(crate) const MOST_LOAD: f64 = 0.5;
/// How long a machine may take to become quiet: a build before leaves a load of 2 behind, which falls to
/// [`MOST_LOAD`] in a minute and a half.
const CALMS_DOWN: Duration = Duration::from_secs(180);

/// Waits until the machine is quiet, or has had the time for it.
pub(crate) fn calms_down() -> Result<()> {
    let end = Instant::now() + CALMS_DOWN;
    while load_average()? > MOST_LOAD && Instant::now() < end {
        eprintln!("waiting for a load average of {MOST_LOAD}: it is {}", load_average()?);
        sleep(Duration::from_secs(10));
    }
    Ok(())
}

/// How many processes wanted a core in the last minute, on average.
pub(crate) fn load_average() -> Result<f64> {
    let averages = read_to_string("/proc/loadavg")?;
    Ok(averages.split_whitespace().next().context("no load average")?.parse()?)
}
