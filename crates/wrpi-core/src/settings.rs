//! Settings from environment variables. The code that reads a setting also describes it: its name, default, allowed
//! values and meaning. `--help`, the errors and the table in the documentation are generated from that description.

mod description;
mod secret;
mod value_parser;

use std::ffi::OsString;
use std::fmt;

pub use description::{Description, describe, help};
pub use value_parser::{ValueParser, is_host_name};

/// Finds the value of an environment variable: `std::env::var_os` in `main`, a closure over a table in tests.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// All invalid settings, one per line: the variable, what is wrong (never a secret) and what is allowed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub struct SettingsError(Vec<String>);

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

/// Reads variables one by one. It collects their descriptions and all problems.
pub struct Reader<'a> {
    lookup: Lookup<'a>,
    descriptions: Vec<Description>,
    problems: Vec<String>,
}

/// Reads the settings that `read` asks for.
///
/// # Errors
///
/// All invalid settings.
///
/// # Panics
///
/// When `read` returns `None` without having reported a problem.
pub fn load<T>(lookup: Lookup<'_>, read: impl FnOnce(&mut Reader<'_>) -> Option<T>) -> Result<T, SettingsError> {
    let mut reader = Reader::new(lookup);
    let settings = read(&mut reader);
    if !reader.problems.is_empty() {
        return Err(SettingsError(reader.problems));
    }
    Ok(settings.expect("settings without a problem"))
}

impl<'a> Reader<'a> {
    fn new(lookup: Lookup<'a>) -> Self {
        Self { lookup, descriptions: Vec::new(), problems: Vec::new() }
    }

    /// The value of the variable `name`. If the variable is unset or invalid, `default`, parsed in the same way.
    ///
    /// # Panics
    ///
    /// When `default` does not match `parser`.
    pub fn value<T>(&mut self, name: &str, default: &str, parser: ValueParser<T>, meaning: &str) -> T {
        let shown = if default.is_empty() { "empty".to_owned() } else { format!("`{default}`") };
        let value = self.optional(name, &shown, &parser, meaning);
        value.unwrap_or_else(|| parser.parse(default).unwrap_or_else(|| panic!("the default of {name} is not allowed")))
    }

    /// The value of the variable `name`, or `None` if it is unset or invalid. `unset` describes the effect of leaving it
    /// unset.
    pub fn optional<T>(&mut self, name: &str, unset: &str, parser: &ValueParser<T>, meaning: &str) -> Option<T> {
        self.describe(name, unset, parser.allowed(), meaning);
        let raw = self.raw(name)?;
        let value = raw.to_str().and_then(|text| parser.parse(text));
        if value.is_none() {
            let wrong = secret::shown(&raw);
            self.reject(name, &wrong, parser.allowed());
        }
        value
    }

    /// The raw value of the variable `name`.
    pub fn raw(&self, name: &str) -> Option<OsString> {
        (self.lookup)(name)
    }

    /// Reports a problem with `variables`: what is `wrong` (never a secret), and what is `allowed`.
    pub fn reject(&mut self, variables: &str, wrong: &str, allowed: &str) {
        self.problems.push(format!("{variables} {wrong}; allowed: {allowed}"));
    }

    /// The number of problems so far.
    pub fn problems(&self) -> usize {
        self.problems.len()
    }

    fn describe(&mut self, name: &str, default: &str, allowed: &str, meaning: &str) {
        let [name, default, allowed, meaning] = [name, default, allowed, meaning].map(str::to_owned);
        self.descriptions.push(Description { name, default, allowed, meaning });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn read(reader: &mut Reader<'_>) -> Option<(u16, Duration, Option<String>)> {
        Some((
            reader.value("PORT", "1", ValueParser::number(1..=9), "`Port`."),
            reader.value("WAIT", "3s", ValueParser::duration(), "Time."),
            reader.optional("HOST", "no host", &ValueParser::host(), "Host."),
        ))
    }

    #[test]
    fn unset_variables_have_their_defaults() {
        assert_eq!(load(&|_| None, read), Ok((1, Duration::from_secs(3), None)));
        let lookup = |name: &str| (name != "WAIT").then(|| if name == "PORT" { "2" } else { "redis" }.into());
        assert_eq!(load(&lookup, read), Ok((2, Duration::from_secs(3), Some("redis".to_owned()))));
    }

    #[test]
    fn reports_every_problem_and_shows_no_possible_secret() {
        let lookup = |name: &str| {
            Some(match name {
                "PORT" => "10".into(),
                "WAIT" => "1 year\n".into(),
                _ => OsString::from("redis://:hunter2@redis"),
            })
        };
        assert_eq!(
            load(&lookup, read).unwrap_err().to_string().lines().collect::<Vec<_>>(),
            [
                "PORT is \"10\"; allowed: a number from 1 to 9",
                "WAIT is \"1 year\\n\"; allowed: a time from 100ms to 24h, such as 500ms, 30s (or just 30) or 5m",
                "HOST has a value that is not shown because it may contain a secret; allowed: a host name or an IP address \
                 alone, without a scheme, a port or brackets",
            ]
        );
    }

    #[test]
    fn describes_each_setting_that_is_read() {
        assert_eq!(help(&describe(read)[..1]), "  PORT [1]\n      Port. Allowed: a number from 1 to 9.\n");
        let names: Vec<_> = describe(read).into_iter().map(|setting| setting.name).collect();
        assert_eq!(names, ["PORT", "WAIT", "HOST"]);
    }
}
