//! What a process uses, from `/proc`.

use std::time::Duration;

use procfs::process::Process;

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

pub(crate) fn proc(process: u32) -> Process {
    Process::new(process.try_into().unwrap()).expect("the process runs")
}
