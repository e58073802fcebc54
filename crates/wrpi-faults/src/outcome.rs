//! The outcome of a fault: a row of the table, and the promises that were broken.

use std::time::Duration;

/// The header of the table.
pub(crate) const HEAD: &str = "\
| fault                                          | requests sent | failed | longest gap | recovery |
|------------------------------------------------|--------------:|-------:|------------:|---------:|";

/// The effects of one fault on clients.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) sent: u64,
    pub(crate) failed: usize,
    pub(crate) longest_gap: Duration,
    pub(crate) recovery: Duration,
    pub(crate) problems: Vec<String>,
}

impl Outcome {
    /// The outcome of a fault that panicked. The panic's message has been printed already.
    pub(crate) fn panicked() -> Self {
        let problems = vec!["panicked".to_owned()];
        Self { sent: 0, failed: 0, longest_gap: Duration::ZERO, recovery: Duration::ZERO, problems }
    }

    /// The row under [`HEAD`].
    pub(crate) fn row(&self, name: &str) -> String {
        let (gap, recovery) = (self.longest_gap.as_millis(), self.recovery.as_millis());
        let name = if self.problems.is_empty() { name.to_owned() } else { format!("FAILED: {name}") };
        format!("| {name:46} | {:13} | {:6} | {gap:8} ms | {recovery:5} ms |", self.sent, self.failed)
    }
}
