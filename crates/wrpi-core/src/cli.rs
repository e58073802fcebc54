//! The command line that every binary has: `--help` and `--version`. All else is set by environment variables.

use std::fmt::Display;
use std::process::ExitCode;

use clap::Command;

/// Answers `--help`, which lists the environment variables of `sections`, and `--version`, and ends the process on
/// an argument it does not know.
pub fn parse(name: &'static str, about: &'static str, version: &'static str, sections: &[String]) {
    command(name, about, version, sections).get_matches();
}

/// Like [`parse`], for a binary that has the subcommand `healthcheck` too, which does what `healthcheck` says.
/// Whether it was given.
pub fn parse_service(
    name: &'static str,
    about: &'static str,
    version: &'static str,
    sections: &[String],
    healthcheck: &'static str,
) -> bool {
    let healthcheck = Command::new("healthcheck").about(healthcheck);
    let command = command(name, about, version, sections).subcommand(healthcheck).disable_help_subcommand(true);
    command.get_matches().subcommand().is_some()
}

fn command(name: &'static str, about: &'static str, version: &'static str, sections: &[String]) -> Command {
    let variables = format!("Environment variables [default]:\n{}", sections.concat());
    Command::new(name).about(about).version(version).after_help(variables)
}

/// Unwraps settings, or ends the process with exit code 2 after a line for each bad one on standard error.
pub fn settings_or_exit<T>(settings: Result<T, crate::settings::SettingsError>) -> T {
    settings.unwrap_or_else(|error| {
        eprintln!("{error}");
        std::process::exit(2);
    })
}

/// The exit code of a process that did its work, or 1 after a line in the log that says why it could not.
pub fn exit_code(outcome: Result<(), impl Display>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "ended with an error");
            ExitCode::FAILURE
        }
    }
}
