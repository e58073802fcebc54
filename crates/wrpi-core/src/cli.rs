//! The command line of every binary: `--help`, `--version` and, if the binary has one, the subcommand `healthcheck`.
//! All settings are environment variables.

use std::ffi::OsString;
use std::io::Write;
use std::process::exit;

use crate::settings::{Description, SettingsError, help};

/// How a binary describes itself in `--help`.
#[derive(Clone, Copy, Debug)]
pub struct Cli {
    /// The name of the binary.
    pub name: &'static str,
    /// What the binary is for.
    pub about: &'static str,
    /// The version of the binary.
    pub version: &'static str,
    /// What the subcommand `healthcheck` does; `None` if the binary has none.
    pub healthcheck: Option<&'static str>,
}

/// The [`Cli`] of the calling crate. `$healthcheck` is [`Cli::healthcheck`].
#[macro_export]
macro_rules! cli {
    ($healthcheck:expr) => {
        $crate::cli::Cli {
            name: env!("CARGO_PKG_NAME"),
            about: env!("CARGO_PKG_DESCRIPTION"),
            version: env!("CARGO_PKG_VERSION"),
            healthcheck: $healthcheck,
        }
    };
}

/// What a process was started to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Its normal work.
    Run,
    /// Check a running process of the same binary, or the server that it needs.
    Healthcheck,
}

impl Cli {
    /// Parses the arguments (without the name of the binary). `--help`, which lists the variables of `describe`, and
    /// `--version` print their text and exit. Any other argument ends the process with exit code 2.
    pub fn command_or_exit(
        &self,
        arguments: impl Iterator<Item = OsString>,
        describe: impl FnOnce() -> Vec<Description>,
    ) -> Command {
        let arguments: Vec<_> = arguments.map(|argument| argument.to_string_lossy().into_owned()).collect();
        match *arguments.iter().map(String::as_str).collect::<Vec<_>>() {
            [] => Command::Run,
            ["healthcheck"] if self.healthcheck.is_some() => Command::Healthcheck,
            ["-h" | "--help"] => self.print(&self.help(&describe())),
            ["-V" | "--version"] => self.print(&format!("{} {}\n", self.name, self.version)),
            _ => {
                let own = if self.healthcheck.is_some() { "healthcheck, " } else { "" };
                reject(&format!("arguments are {arguments:?}; allowed: none, {own}--help or --version"))
            }
        }
    }

    fn help(&self, settings: &[Description]) -> String {
        let Self { name, about, healthcheck, .. } = self;
        let commands = healthcheck.map(|about| format!("Commands:\n  healthcheck\n      {about}.\n\n"));
        let commands = commands.unwrap_or_default();
        let usage = if healthcheck.is_some() { "[healthcheck | --help | --version]" } else { "[--help | --version]" };
        format!("{about}\n\nUsage: {name} {usage}\n\n{commands}Environment variables [default]:\n{}", help(settings))
    }

    fn print(&self, text: &str) -> ! {
        let printed = std::io::stdout().write_all(text.as_bytes());
        exit(printed.is_err().into())
    }
}

/// Unwraps settings, or prints one line for each invalid one on standard error and exits with code 2.
pub fn settings_or_exit<T>(settings: Result<T, SettingsError>) -> T {
    settings.unwrap_or_else(|error| reject(&error.to_string()))
}

fn reject(problem: &str) -> ! {
    // If standard error is closed, the exit code still reports the problem.
    let _printed = writeln!(std::io::stderr(), "{problem}");
    exit(2)
}
