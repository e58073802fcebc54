//! Markdown tables, and the rows of the table of goals.

use crate::statistics::{median, quantile};

/// A goal and its result.
#[derive(Debug)]
pub(crate) struct Row {
    measure: String,
    at_most: f64,
    measured: f64,
    spread: String,
    unit: &'static str,
}

impl Row {
    /// The goal is a median of at most `at_most`.
    pub(crate) fn median(measure: &str, at_most: f64, unit: &'static str, samples: &[f64]) -> Self {
        let spread = match samples {
            [_] => String::new(),
            _ => format!("{} to {}", number(quantile(samples, 0.0)), number(quantile(samples, 1.0))),
        };
        Self { measure: measure.to_owned(), at_most, measured: median(samples), spread, unit }
    }

    /// The goal is a median ratio of at most `at_most`. A round is a pair of the API's and the peer's result, in
    /// `unit`.
    pub(crate) fn ratios(measure: &str, at_most: f64, unit: &str, rounds: &[(f64, f64)]) -> Self {
        let (ours, theirs): (Vec<_>, Vec<_>) = rounds.iter().copied().unzip();
        let (ours, theirs) = (number(median(&ours)), number(median(&theirs)));
        let ratios: Vec<_> = rounds.iter().map(|(ours, theirs)| ours / theirs).collect();
        Self::median(&format!("{measure} ({ours} {unit} : {theirs} {unit})"), at_most, "", &ratios)
    }

    /// The goal is a 99th percentile of at most `at_most`.
    pub(crate) fn p99(measure: &str, at_most: f64, unit: &'static str, samples: &[f64]) -> Self {
        let (middle, highest) = (number(median(samples)), number(quantile(samples, 1.0)));
        let spread = format!("median {middle}, highest {highest} of {}", samples.len());
        Self { measure: measure.to_owned(), at_most, measured: quantile(samples, 0.99), spread, unit }
    }

    /// The cells of this row.
    pub(crate) fn cells(&self) -> [String; 5] {
        let figure = |figure| format!("{} {}", number(figure), self.unit).trim_end().to_owned();
        let met = if self.measured <= self.at_most { "yes" } else { "**no**" };
        let (goal, measured) = (format!("≤ {}", figure(self.at_most)), figure(self.measured));
        [self.measure.clone(), goal, measured, self.spread.clone(), met.to_owned()]
    }
}

/// Formats `lines` under `header` as a Markdown table.
pub(crate) fn table<const N: usize>(header: [&str; N], lines: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = format!("| {} |\n|{}", header.join(" | "), "---|".repeat(N));
    for line in lines {
        table.push_str(&format!("\n| {} |", line.join(" | ")));
    }
    table
}

/// Formats a number with two decimal places, or with none if it is an integer or at least 100.
pub(crate) fn number(number: f64) -> String {
    match number {
        n if n == n.trunc() && n < 1e6 => format!("{n:.0}"),
        n if n < 100.0 => format!("{n:.2}"),
        n => format!("{n:.0}"),
    }
}
