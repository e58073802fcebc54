//! Breaks each part of a running system while clients send requests, and prints the effects in one table.
//!
//! Every fault is tried on the real binaries, which are built beside this one, and a real `redis-server`. An argument
//! selects the faults whose names contain it. `FAULT_SECONDS` sets how long each lasts.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod faults;
mod outcome;
mod pair;
mod scene;

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use outcome::{HEAD, Outcome};

fn main() -> ExitCode {
    let seconds = std::env::var("FAULT_SECONDS").unwrap_or_else(|_| "3".into());
    let lasts = Duration::from_secs_f64(seconds.parse().expect("FAULT_SECONDS is a number"));
    let picked = std::env::args().nth(1).unwrap_or_default();
    println!("Each fault lasts {lasts:?}, under {} requests/s.\n\n{HEAD}", scene::RATE);
    let mut problems = Vec::new();
    for (name, fault) in faults::ALL.iter().filter(|(name, _)| name.contains(&picked)) {
        let outcome = thread::spawn(move || fault(lasts)).join();
        let outcome = outcome.unwrap_or_else(|_| Outcome::panicked());
        println!("{}", outcome.row(name));
        problems.extend(outcome.problems.iter().map(|problem| format!("{name}: {problem}")));
    }
    for problem in &problems {
        eprintln!("{problem}");
    }
    if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
