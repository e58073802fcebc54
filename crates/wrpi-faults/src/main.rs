//! Breaks each part of a running system while clients send requests, and prints the effects in one table.
//!
//! Every fault is tried on the real binaries, which are built beside this one, and a real `redis-server`. An argument
//! selects the faults whose names contain it. `FAULT_SECONDS` sets how long each lasts.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod faults;
mod outcome;
mod pair;
mod run;
mod scene;

use std::process::ExitCode;
use std::time::Duration;

use outcome::HEAD;
use run::{ROWS, run, run_in_namespaces};

fn main() -> ExitCode {
    let seconds = std::env::var("FAULT_SECONDS").unwrap_or_else(|_| "3".into());
    let lasts = Duration::from_secs_f64(seconds.parse().expect("FAULT_SECONDS is a number"));
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let [rows, picked] = &*arguments
        && rows == ROWS
    {
        return exit_code(run(&faults::IN_NAMESPACES, picked, lasts));
    }
    let picked = arguments.first().map_or("", String::as_str);
    println!("Each fault lasts {lasts:?}, under {} requests/s.\n\n{HEAD}", scene::RATE);
    let here = run(&faults::ALL, picked, lasts);
    let namespaced = faults::IN_NAMESPACES.iter().any(|(name, _)| name.contains(picked));
    exit_code(here && (!namespaced || run_in_namespaces(picked)))
}

fn exit_code(is_good: bool) -> ExitCode {
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
