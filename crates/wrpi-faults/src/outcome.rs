//! What came of a fault: a row of the table, and what was not as promised.

use std::time::Duration;

/// The head of the table.
pub(crate) const HEAD: &str = "\
| fault                                          | requests sent | failed | longest gap | recovery |
|------------------------------------------------|--------------:|-------:|------------:|---------:|";

/// What clients saw of one fault.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) sent: u64,
    pub(crate) failed: usize,
    pub(crate) longest_gap: Duration,
    pub(crate) recovery: Duration,
    pub(crate) problems: Vec<String>,
}

impl Outcome {
    /// The outcome of a fault that ended in a panic, which has been printed.
    pub(crate) fn broken_off() -> Self {
        let problems = vec!["broken off".to_owned()];
        Self { sent: 0, failed: 0, longest_gap: Duration::ZERO, recovery: Duration::ZERO, problems }
    }

    /// The row under [`HEAD`].
    pub(crate) fn row(&self, name: &str) -> String {
        let (gap, recovery) = (self.longest_gap.as_millis(), self.recovery.as_millis());
        let name = if self.problems.is_empty() { name.to_owned() } else { format!("NOT AS PROMISED: {name}") };
        format!("| {name:46} | {:13} | {:6} | {gap:8} ms | {recovery:5} ms |", self.sent, self.failed)
    }
}
