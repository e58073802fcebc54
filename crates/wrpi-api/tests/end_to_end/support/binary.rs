//! The binary, run until it exits.

use std::collections::BTreeSet;
use std::process::{Command, Output};

use wrpi_test::{Service, random_password};

const API: &str = env!("CARGO_BIN_EXE_wrpi-api");

/// Runs the binary with `arguments` and no environment.
pub(crate) fn run(arguments: &[&str]) -> Output {
    Command::new(API).args(arguments).env_clear().output().unwrap()
}

/// What the binary prints for `flag`.
pub(crate) fn print(flag: &str) -> String {
    let output = run(&[flag]);
    assert!(output.status.success(), "{flag}");
    String::from_utf8(output.stdout).unwrap()
}

/// The names of the variables that `--help` lists.
pub(crate) fn listed(help: &str) -> BTreeSet<&str> {
    let settings = help.split_once("Environment variables [default]:\n").unwrap().1;
    let names = settings.lines().filter_map(|line| Some(line.strip_prefix("  ")?.split_once(" [")?.0));
    names.filter(|name| !name.contains(' ')).collect()
}

/// The exit code and the output of the binary with `environment`, which prevents its start.
pub(crate) fn refused(environment: &[(&str, &str)]) -> (Option<i32>, Vec<String>) {
    let mut service = Service::spawn(API, environment.iter().copied());
    let status = service.wait();
    (status.code(), service.output())
}

/// The line that the API prints when it does not start with this certificate and key.
pub(crate) fn certificate_refusal(certificate: &str, key: &str) -> String {
    let files = [("TLS_CERT_FILE", certificate), ("TLS_KEY_FILE", key)];
    let (code, lines) = refused(&[&[("APP_PASSWORD", &*random_password())], &files[..]].concat());
    assert_eq!((code, lines.len()), (Some(2), 1), "{lines:?}");
    assert!(lines[0].starts_with("TLS_CERT_FILE and TLS_KEY_FILE: "), "{lines:?}");
    lines[0].clone()
}

/// Runs the health check of the admin listener at `admin`, with further variables: its exit code and log.
pub(crate) fn healthcheck(admin: &str, more: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = Command::new(API);
    command.arg("healthcheck").env_clear().env("ADMIN_ADDR", admin).envs(more.iter().copied());
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}
