//! The command line that every binary has: `--help`, `--version`, and where there is one the subcommand `healthcheck`.
//! Environment variables set everything else.

use std::ffi::OsString;
use std::io::Write;
use std::process::exit;

use crate::settings::{Description, SettingsError, help};

/// What a binary says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Cli {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// Its version.
    pub version: &'static str,
    /// What its subcommand `healthcheck` does, if it has it.
    pub healthcheck: Option<&'static str>,
}

/// The [`Cli`] of the crate that this stands in; `healthcheck` says what its subcommand does, if it has it.
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

/// What a process was started for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Its work.
    Run,
    /// To check whether another process of the same binary, or what that needs, is well.
    Healthcheck,
}

impl Cli {
    /// Reads the arguments (without the name of the binary). Answers `--help`, with the variables of `describe`, and
    /// `--version`, and ends the process with exit code 2 on any other argument.
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
                refuse(&format!("arguments are {arguments:?}; allowed: none, {own}--help or --version"))
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

/// Unwraps settings, or ends the process with exit code 2 after a line for each bad one on standard error.
pub fn settings_or_exit<T>(settings: Result<T, SettingsError>) -> T {
    settings.unwrap_or_else(|error| refuse(&error.to_string()))
}

fn refuse(problem: &str) -> ! {
    // Where standard error is gone, the exit code still tells.
    let _printed = writeln!(std::io::stderr(), "{problem}");
    exit(2)
}
