//! Descriptions of settings, for `--help` and the table in the documentation.

use super::Reader;

/// One environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Its name.
    pub name: String,
    /// Its default, or the effect of leaving it unset. Markdown: values are in backticks.
    pub default: String,
    /// The allowed values.
    pub allowed: String,
    /// What it is for. Markdown.
    pub meaning: String,
}

/// Describes every setting that `read` asks for.
pub fn describe<T>(read: impl FnOnce(&mut Reader<'_>) -> T) -> Vec<Description> {
    let mut reader = Reader::new(&|_| None);
    read(&mut reader);
    reader.descriptions
}

/// The lines that describe `settings` in `--help`.
pub fn help(settings: &[Description]) -> String {
    let lines = |Description { name, default, allowed, meaning }: &Description| {
        format!("  {name} [{default}]\n      {meaning} Allowed: {allowed}.\n").replace('`', "")
    };
    settings.iter().map(lines).collect()
}
