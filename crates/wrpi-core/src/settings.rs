//! Reading settings from environment variables: every problem is gathered and named, no secret is ever shown.

use std::ffi::OsString;
use std::fmt;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

/// Finds the value of an environment variable: `std::env::var_os` in `main`, a closure over a table in tests.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// Every bad setting, a line each: the variable, what was given (never a secret), what is allowed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub struct SettingsError(Vec<String>);

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

/// Reads variables one by one and keeps the problems until [`Reader::finish`].
pub struct Reader<'a> {
    lookup: Lookup<'a>,
    problems: Vec<String>,
}

impl<'a> Reader<'a> {
    /// A reader over `lookup`.
    pub fn new(lookup: Lookup<'a>) -> Self {
        Self { lookup, problems: Vec::new() }
    }

    /// The variable `name` as `parse` reads it, or `default` where it is unset. Where `parse` refuses it the
    /// problem is kept, with `allowed` saying what would have been right.
    pub fn value<T>(&mut self, name: &str, default: T, allowed: &str, parse: impl FnOnce(&str) -> Option<T>) -> T {
        let Some(given) = (self.lookup)(name) else { return default };
        if let Some(value) = given.to_str().and_then(parse) {
            return value;
        }
        self.problems.push(format!("{name} is {given:?}; allowed: {allowed}"));
        default
    }

    /// Keeps a problem that concerns more than one variable: what was given and what is allowed.
    pub fn problem(&mut self, problem: String) {
        self.problems.push(problem);
    }

    /// A duration such as `500ms`, `30s`, `30` (seconds) or `5m`: from a millisecond to a day.
    pub fn duration<T: From<Duration>>(&mut self, name: &str, default: T) -> T {
        self.value(name, default, "a time above zero and up to a day, such as 500ms, 30s (or just 30) or 5m", |text| {
            parse_duration(text).map(T::from)
        })
    }

    /// The secret in the variable `name`, or in the file that `name` with `_FILE` behind it names (one trailing
    /// newline is dropped). `None` where neither is set, or what is set is empty.
    pub fn secret(&mut self, name: &str) -> Option<SecretString> {
        let file_name = format!("{name}_FILE");
        let secret = match ((self.lookup)(name), (self.lookup)(&file_name)) {
            (None, None) => return None,
            (Some(_), Some(_)) => Err(format!("{name} and {file_name} are both set; allowed: only one of them")),
            (Some(given), None) => given.into_string().map_err(|_| format!("{name} is not UTF-8; allowed: UTF-8 text")),
            (None, Some(path)) => std::fs::read_to_string(&path)
                .map(|text| text.strip_suffix('\n').map(str::to_owned).unwrap_or(text))
                .map_err(|error| format!("{file_name} is {path:?}: {error}; allowed: a readable file of UTF-8 text")),
        };
        match secret {
            Ok(secret) => Some(SecretString::from(secret)).filter(|secret| !secret.expose_secret().is_empty()),
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }

    /// Like [`Reader::secret`], but not having one is a problem.
    pub fn required_secret(&mut self, name: &str) -> SecretString {
        let known = self.problems.len();
        self.secret(name).unwrap_or_else(|| {
            if self.problems.len() == known {
                self.problems.push(format!("{name} is unset or empty; allowed: a password, here or in {name}_FILE"));
            }
            SecretString::default()
        })
    }

    /// `settings`, if nothing was wrong.
    ///
    /// # Errors
    ///
    /// All the problems that were met.
    pub fn finish<T>(self, settings: T) -> Result<T, SettingsError> {
        if self.problems.is_empty() { Ok(settings) } else { Err(SettingsError(self.problems)) }
    }
}

/// Reads `500ms`, `30s`, `30` (seconds), `0.5` or `5m`: above zero, at most a day.
fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(at) => text.split_at(at),
        None => (text, "s"),
    };
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        _ => return None,
    };
    let number = number.bytes().all(|b| b.is_ascii_digit() || b == b'.').then(|| number.parse::<f64>().ok())??;
    let duration = Duration::try_from_secs_f64(number * seconds).ok()?;
    (Duration::from_millis(1)..=Duration::from_hours(24)).contains(&duration).then_some(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<OsString> {
        let value = match name {
            "PORT" => "seventy",
            "WAIT" => "1 year",
            "BOTH" | "BOTH_FILE" => "hidden",
            "GONE_FILE" => "/nonexistent/secret",
            "EMPTY" => "",
            _ => return None,
        };
        Some(value.into())
    }

    #[test]
    fn every_problem_is_named_and_no_secret_shown() {
        let mut reader = Reader::new(&lookup);
        assert_eq!(reader.value("PORT", 1_u16, "a port", |text| text.parse().ok()), 1);
        assert_eq!(reader.value("UNSET", 2_u16, "a port", |text| text.parse().ok()), 2);
        assert_eq!(reader.duration("WAIT", Duration::from_secs(3)), Duration::from_secs(3));
        for name in ["BOTH", "GONE", "EMPTY"] {
            reader.required_secret(name);
        }
        let message = reader.finish(()).unwrap_err().to_string();
        assert_eq!(
            message.lines().collect::<Vec<_>>(),
            [
                "PORT is \"seventy\"; allowed: a port",
                "WAIT is \"1 year\"; allowed: a time above zero and up to a day, such as 500ms, 30s (or just 30) or 5m",
                "BOTH and BOTH_FILE are both set; allowed: only one of them",
                "GONE_FILE is \"/nonexistent/secret\": No such file or directory (os error 2); allowed: a readable file \
                 of UTF-8 text",
                "EMPTY is unset or empty; allowed: a password, here or in EMPTY_FILE",
            ]
        );
    }

    #[test]
    fn durations_have_units() {
        let seconds = |text| parse_duration(text).map(|duration| duration.as_secs_f64());
        for (text, expected) in [("500ms", 0.5), ("30s", 30.0), ("30", 30.0), ("0.5", 0.5), ("5m", 300.0)] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for text in ["", "s", "0", "0s", "-1", "1h", "1e3", "inf", "nan", "30 s", "86401", "1.2.3"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn a_secret_s_file_loses_one_newline() {
        let path = std::env::temp_dir().join(format!("wrpi-secret-{}", std::process::id()));
        std::fs::write(&path, "p:ä\n\n").unwrap();
        let found = path.clone();
        let lookup = move |name: &str| (name == "KEY_FILE").then(|| found.clone().into_os_string());
        let secret = Reader::new(&lookup).required_secret("KEY");
        assert_eq!(secret.expose_secret(), "p:ä\n");
        std::fs::remove_file(path).unwrap();
    }
}
