//! The measured parts of docs/performance.md: each stands between markers, which stay.

use std::fmt;
use std::fs::{read_to_string, write};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use chrono::Utc;

use crate::goals::{self, Effort, Found};
use crate::machine::calms_down;

const PATH: &str = "docs/performance.md";

/// Names of the markers and what stands between them.
#[derive(Debug)]
pub(crate) struct Sections([(&'static str, String); 4]);

/// What `found` says.
pub(crate) fn sections(found: &Found) -> Sections {
    Sections([
        ("machine", machine(found.load_before)),
        ("goals", found.goals()),
        ("feeds", found.feeds()),
        ("capacity", found.capacity.model()),
    ])
}

/// Measures everything for the record and prints it. Refuses to write it where the machine was busy.
pub(crate) fn record() -> Result<()> {
    calms_down()?;
    let found = goals::measure(&Effort::FULL)?;
    let sections = sections(&found);
    println!("{sections}");
    let objections = found.objections();
    ensure!(objections.is_empty(), "{PATH} is not changed, as the machine was busy: {}", objections.join("; "));
    sections.write()
}

impl Sections {
    /// Writes them into the document.
    fn write(&self) -> Result<()> {
        let mut document = read_to_string(PATH).context(PATH)?;
        for (name, text) in &self.0 {
            document = between(&document, name, text).with_context(|| format!("{PATH} has no markers for {name}"))?;
        }
        write(PATH, document).context(PATH)
    }
}

impl fmt::Display for Sections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(_, text)| writeln!(f, "{text}\n"))
    }
}

/// `document` with `text` between the markers called `name`.
fn between(document: &str, name: &str, text: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {name}: written by make bench -->\n"), format!("\n<!-- {name}: end -->"));
    let (before, rest) = document.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}{text}{end}{after}"))
}

/// The date, the machine and the versions.
fn machine(load_before: f64) -> String {
    let file = |path: &str| read_to_string(path).unwrap_or_default();
    let (processors, memory) = (file("/proc/cpuinfo"), file("/proc/meminfo"));
    let value = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).and_then(|line| line.split_once(':'));
        line.map_or_else(|| "unknown".to_owned(), |(_, value)| value.trim().to_owned())
    };
    let cores = processors.lines().filter(|line| line.starts_with("processor")).count();
    let gigabytes = value(&memory, "MemTotal").trim_end_matches(" kB").parse().unwrap_or(f64::NAN) / 1e6;
    format!(
        "{date}, commit {commit}: {cores} cores of {model}, {gigabytes:.0} GB, Linux {kernel}, load average before {load_before}; {rustc}; {packages}.",
        date = Utc::now().format("%F"),
        commit = said("git", &["describe", "--always", "--dirty"]),
        model = value(&processors, "model name"),
        kernel = file("/proc/sys/kernel/osrelease").trim(),
        rustc = said("rustc", &["--version"]),
        packages =
            said("dpkg-query", &["--show", "--showformat", "${Package} ${Version}, ", "nginx", "redis-server", "wrk"])
                .trim_end_matches([',', ' ']),
    )
}

/// The first line that a command prints.
fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success());
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_else(|| format!("{program} unknown"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_markers_is_replaced() {
        let document = "a\n<!-- x: written by make bench -->\nold\n<!-- x: end -->\nb\n";
        let expected = "a\n<!-- x: written by make bench -->\nnew\n<!-- x: end -->\nb\n";
        assert_eq!(between(document, "x", "new").as_deref(), Some(expected));
        assert_eq!(between(document, "y", "new"), None);
        for name in ["machine", "goals", "feeds", "capacity"] {
            assert!(between(include_str!("../../docs/performance.md"), name, "").is_some(), "{name}");
        }
    }
}
