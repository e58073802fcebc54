//! The machine: its cores, its load, and the limit of open files.

use std::fs::read_to_string;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;

/// The cores. A pinned server never shares a core with the load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    /// The core of the servers and Redis.
    pub(crate) server: usize,
    /// The core of the load.
    pub(crate) load: usize,
}

impl Cores {
    /// Selects the first and the last core that this process may use.
    pub(crate) fn find() -> Result<Self> {
        let allowed = sched_getaffinity(Pid::from_raw(0))?;
        let mut cores = (0..CpuSet::count()).filter(|core| allowed.is_set(*core).unwrap_or(false));
        let (server, load) = (cores.next().context("this process may not use any core")?, cores.next_back());
        Ok(Self { server, load: load.context("the benchmark needs two cores: one for the servers, one for the load")? })
    }

    /// Runs `start` on one core. Processes that `start` spawns stay on this core.
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

/// Bytes of a KiB, which `/proc` calls kB.
pub(crate) const KIB: f64 = 1024.0;

/// Raises the limit of open files to the maximum, for this process and its children. Fails if the maximum is below
/// `needed`.
pub(crate) fn allow_descriptors(needed: u64) -> Result<()> {
    let (_, max) = getrlimit(Resource::RLIMIT_NOFILE)?;
    ensure!(max >= needed, "the benchmark needs {needed} open files, but the limit (ulimit -Hn) is {max}");
    setrlimit(Resource::RLIMIT_NOFILE, max, max).context("cannot raise the limit of open files")
}

/// Maximum load average of a quiet machine. At this load, a benchmark on two cores has both cores to itself for at
/// least half of the time. The spread between rounds shows whether this was enough.
pub(crate) const MAX_LOAD: f64 = 0.5;
/// Maximum time to wait for a quiet machine. A build leaves a load average of 2, which falls to [`MAX_LOAD`] in 90
/// seconds.
const MAX_WAIT: Duration = Duration::from_secs(180);

/// Waits until the machine is quiet, for [`MAX_WAIT`] at most.
pub(crate) fn wait_until_quiet() -> Result<()> {
    let end = Instant::now() + MAX_WAIT;
    while load_average()? > MAX_LOAD && Instant::now() < end {
        eprintln!("waiting for a load average of {MAX_LOAD}, now {}", load_average()?);
        sleep(Duration::from_secs(10));
    }
    Ok(())
}

/// The load average of the last minute.
pub(crate) fn load_average() -> Result<f64> {
    let averages = read_to_string("/proc/loadavg")?;
    Ok(averages.split_whitespace().next().context("/proc/loadavg is empty")?.parse()?)
}
