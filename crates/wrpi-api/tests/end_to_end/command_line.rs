//! The command line: help, version, and the subcommand of health checks.

use std::collections::BTreeSet;
use std::process::Command;

const API: &str = env!("CARGO_BIN_EXE_wrpi-api");

/// The names of the variables that `--help` lists.
pub(crate) fn listed(help: &str) -> BTreeSet<&str> {
    let settings = help.split_once("Environment variables [default]:\n").unwrap().1;
    let names = settings.lines().filter_map(|line| Some(line.strip_prefix("  ")?.split_once(" [")?.0));
    names.filter(|name| !name.contains(' ')).collect()
}

/// What the binary prints.
pub(crate) fn print(flag: &str) -> String {
    let output = Command::new(API).arg(flag).env_clear().output().unwrap();
    assert!(output.status.success(), "{flag}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_command_line_has_help_version_and_healthcheck_and_no_more() {
    let help = print("--help");
    assert_eq!(help, print("-h"));
    assert!(help.contains("\n  healthcheck\n"), "{help}");
    assert!(
        help.contains("\n  APP_PASSWORD [required]\n      Password of all clients. They may send any user name. "),
        "{help}"
    );
    for flag in ["--version", "-V"] {
        assert_eq!(print(flag), concat!("wrpi-api ", env!("CARGO_PKG_VERSION"), "\n"));
    }
    for arguments in [&["serve"][..], &["--port", "8080"], &["healthcheck", "now"], &["--help=all"], &[""]] {
        let output = Command::new(API).args(arguments).env_clear().output().unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{arguments:?}");
        let line = format!("arguments are {arguments:?}; allowed: none, healthcheck, --help or --version\n");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), line);
    }
}
