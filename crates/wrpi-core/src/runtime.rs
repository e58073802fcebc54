//! The runtime of every binary. `main` runs in it, and when `main` is done, the process ends.

use std::process::ExitCode;

use tokio::runtime::Builder;

use crate::settings::{Lookup, Reader, ValueParser};

/// How many threads run tasks.
const THREADS: &str = "TOKIO_WORKER_THREADS";

/// Describes the setting of [`block_on`], and reports it if it is invalid.
pub fn read_threads(reader: &mut Reader<'_>) {
    reader.optional(THREADS, "one per processor", &threads(), "Threads that serve requests.");
}

fn threads() -> ValueParser<usize> {
    ValueParser::number(1..=1024)
}

/// Runs `main` to its end, with tasks on as many threads as the setting in `lookup` says. If the setting is invalid, it is
/// ignored until [`read_threads`] reports it together with all other problems.
///
/// # Panics
///
/// When the system refuses a thread or a descriptor.
pub fn block_on(lookup: Lookup<'_>, main: impl Future<Output = ExitCode>) -> ExitCode {
    let wanted = lookup(THREADS).and_then(|text| threads().parse(text.to_str()?));
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    run(Builder::new_multi_thread().worker_threads(wanted.unwrap_or_else(processors)), main)
}

/// Like [`block_on`], with all tasks on the calling thread.
///
/// # Panics
///
/// When the system refuses a descriptor.
pub fn block_on_one_thread(main: impl Future<Output = ExitCode>) -> ExitCode {
    run(&mut Builder::new_current_thread(), main)
}

fn run(builder: &mut Builder, main: impl Future<Output = ExitCode>) -> ExitCode {
    let runtime = builder.enable_all().build().unwrap_or_else(|error| panic!("cannot start the runtime: {error}"));
    let code = runtime.block_on(main);
    // Does not wait for blocked threads: one may wait for a name server for another 20 seconds.
    runtime.shutdown_background();
    code
}
