//! Runs faults, here or in namespaces, and prints their rows.

use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::faults::Fault;
use crate::outcome::Outcome;

/// The argument with which this program calls itself in namespaces, to print rows alone.
pub(crate) const ROWS: &str = "--rows-in-namespaces";

/// Runs the faults whose names contain `picked`, prints their rows and the broken promises, and returns whether there are
/// none.
pub(crate) fn run(all: &[(&str, Fault)], picked: &str, lasts: Duration) -> bool {
    let mut problems = Vec::new();
    for &(name, fault) in all.iter().filter(|(name, _)| name.contains(picked)) {
        let outcome = thread::spawn(move || fault(lasts)).join();
        let outcome = outcome.unwrap_or_else(|_| Outcome::panicked());
        println!("{}", outcome.row(name));
        problems.extend(outcome.problems.iter().map(|problem| format!("{name}: {problem}")));
    }
    for problem in &problems {
        eprintln!("{problem}");
    }
    problems.is_empty()
}

/// Runs this program in namespaces. If they are refused, the script says why, and this fails.
pub(crate) fn run_in_namespaces(picked: &str) -> bool {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.ci/in-namespaces");
    let program = std::env::current_exe().unwrap();
    Command::new(script).arg(program).args([ROWS, picked]).status().unwrap().success()
}
