//! The measured sections of docs/performance.md. Only the text between the markers of a section is replaced.

use std::fmt;
use std::fs::{read_to_string, write};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use chrono::Utc;

use crate::goals::{self, Effort, Results};
use crate::machine::wait_until_quiet;

const PATH: &str = "docs/performance.md";

/// The name and the text of each section.
#[derive(Debug)]
pub(crate) struct Sections([(&'static str, String); 3]);

/// Formats `results` as sections.
pub(crate) fn sections(results: &Results) -> Sections {
    Sections([("machine", machine(results.load_before)), ("goals", results.goals()), ("feeds", results.feeds())])
}

/// Measures everything and prints the results. Writes them into the document, unless the machine was busy.
pub(crate) fn record() -> Result<()> {
    wait_until_quiet()?;
    let results = goals::measure(&Effort::FULL)?;
    let sections = sections(&results);
    println!("{sections}");
    let objections = results.objections();
    ensure!(objections.is_empty(), "{PATH} was not changed, because the machine was busy: {}", objections.join("; "));
    sections.write()
}

impl Sections {
    /// Writes all sections into the document.
    fn write(&self) -> Result<()> {
        let mut document = read_to_string(PATH).context(PATH)?;
        for (name, text) in &self.0 {
            document =
                replace_between(&document, name, text).with_context(|| format!("{PATH} has no section {name}"))?;
        }
        write(PATH, document).context(PATH)
    }
}

impl fmt::Display for Sections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(_, text)| writeln!(f, "{text}\n"))
    }
}

/// Returns `document` with `text` between the markers of section `name`. `None` if a marker is missing.
fn replace_between(document: &str, name: &str, text: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {name}: written by make bench -->\n"), format!("\n<!-- {name}: end -->"));
    let (before, rest) = document.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}{text}{end}{after}"))
}

/// The date, the commit, the machine and the versions of the programs.
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
        "{date}, commit {commit}: {cores} cores of {model}, {gigabytes:.0} GB, Linux {kernel}, load average {load_before} at the start; {rustc}; {packages}.",
        date = Utc::now().format("%F"),
        commit = output_of("git", &["describe", "--always", "--dirty"]),
        model = value(&processors, "model name"),
        kernel = file("/proc/sys/kernel/osrelease").trim(),
        rustc = output_of("rustc", &["--version"]),
        packages = output_of(
            "dpkg-query",
            &[
                "--show",
                "--showformat",
                "${Package} ${Version}, ",
                "nginx",
                "libnginx-mod-nchan",
                "redis-server",
                "wrk"
            ]
        )
        .trim_end_matches([',', ' ']),
    )
}

/// The output of a command, or `PROGRAM unknown` if it fails.
fn output_of(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success());
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_else(|| format!("{program} unknown"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_text_between_the_markers_is_replaced() {
        let document = "a\n<!-- x: written by make bench -->\nold\n<!-- x: end -->\nb\n";
        let expected = "a\n<!-- x: written by make bench -->\nnew\n<!-- x: end -->\nb\n";
        assert_eq!(replace_between(document, "x", "new").as_deref(), Some(expected));
        assert_eq!(replace_between(document, "y", "new"), None);
        for name in ["machine", "goals", "feeds"] {
            assert!(replace_between(include_str!("../../docs/performance.md"), name, "").is_some(), "{name}");
        }
    }
}
