//! The table: measure, goal, what was measured.

use crate::statistics::{median, quantile};

/// One goal and how it was met.
#[derive(Debug)]
pub(crate) struct Row {
    measure: String,
    at_most: f64,
    measured: f64,
    spread: String,
    unit: &'static str,
}

impl Row {
    /// The median of `samples` must not be above `at_most`.
    pub(crate) fn median(measure: impl Into<String>, at_most: f64, unit: &'static str, samples: &[f64]) -> Self {
        let spread = format!("{} to {}", number(quantile(samples, 0.0)), number(quantile(samples, 1.0)));
        Self { measure: measure.into(), at_most, measured: median(samples), spread, unit }
    }

    /// 99 of 100 `samples` must not be above `at_most`.
    pub(crate) fn p99(measure: impl Into<String>, at_most: f64, unit: &'static str, samples: &[f64]) -> Self {
        let (middle, most) = (number(median(samples)), number(quantile(samples, 1.0)));
        let spread = format!("median {middle}, highest {most} of {}", samples.len());
        Self { measure: measure.into(), at_most, measured: quantile(samples, 0.99), spread, unit }
    }

    /// A single figure.
    pub(crate) fn single(measure: impl Into<String>, at_most: f64, unit: &'static str, measured: f64) -> Self {
        Self { measure: measure.into(), at_most, measured, spread: String::new(), unit }
    }

    /// Its cells in the table of goals.
    pub(crate) fn cells(&self) -> [String; 5] {
        let figure = |figure| format!("{} {}", number(figure), self.unit).trim_end().to_owned();
        let met = if self.measured <= self.at_most { "yes" } else { "**no**" };
        let (goal, measured) = (format!("≤ {}", figure(self.at_most)), figure(self.measured));
        [self.measure.clone(), goal, measured, self.spread.clone(), met.to_owned()]
    }
}

/// A table of `lines` under `header`, in Markdown.
pub(crate) fn table<const N: usize>(header: [&str; N], lines: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = format!("| {} |\n|{}", header.join(" | "), "---|".repeat(N));
    for line in lines {
        table.push_str(&format!("\n| {} |", line.join(" | ")));
    }
    table
}

/// Two decimal places, or fewer for larger numbers.
pub(crate) fn number(number: f64) -> String {
    match number {
        n if n == n.trunc() && n < 1e6 => format!("{n:.0}"),
        n if n < 100.0 => format!("{n:.2}"),
        n => format!("{n:.0}"),
    }
}
