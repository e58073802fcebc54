//! The text on the settings: `--help`, and the table in the documentation.

use super::Reader;

/// One environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Its name.
    pub name: String,
    /// Its value where it is unset, or what being unset means. Markdown: values are in backticks.
    pub default: String,
    /// What it may hold.
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

/// The lines of `--help` on `settings`.
pub fn help(settings: &[Description]) -> String {
    let lines = |Description { name, default, allowed, meaning }: &Description| {
        format!("  {name} [{default}]\n      {meaning} Allowed: {allowed}.\n").replace('`', "")
    };
    settings.iter().map(lines).collect()
}
