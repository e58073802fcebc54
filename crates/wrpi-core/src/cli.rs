//! The command line that every binary has: `--help` and `--version`. All else is set by environment variables.

use clap::Command;

/// A command with `--help`, which lists the environment variables of `sections`, and `--version`.
pub fn command(name: &'static str, about: &'static str, version: &'static str, sections: &[String]) -> Command {
    Command::new(name)
        .about(about)
        .version(version)
        .after_help(format!("Environment variables [default]:\n{}", sections.concat()))
}

/// Unwraps settings, or ends the process with exit code 2 after a line for each bad one on standard error.
pub fn settings_or_exit<T>(settings: Result<T, crate::settings::SettingsError>) -> T {
    settings.unwrap_or_else(|error| {
        eprintln!("{error}");
        std::process::exit(2);
    })
}
