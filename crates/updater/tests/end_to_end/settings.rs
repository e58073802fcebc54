//! The process checks all settings before it starts anything, and a bad one ends it with exit code 2.

use std::process::Command;

use tempfile::NamedTempFile;
use wrpi_test::{Authority, random_password};

use crate::support::{UPDATER, run_with};

#[test]
fn refuses_invalid_values() {
    let durations = "a time from 100ms to 24h, such as 500ms, 30s (or just 30) or 5m";
    let levels = "off, error, warn, info, debug or trace, optionally with module levels, such as info,wrpi_core=debug";
    for (name, value, allowed) in [
        ("REDIS_HOST", "redis:6379", "a host name or an IP address alone, without a scheme, a port or brackets"),
        ("REDIS_PORT", "65536", "a number from 1 to 65535"),
        ("REDIS_DB", "one", "a number from 0 to 65535"),
        ("REDIS_USER", "my user", "a user name without white space, or empty"),
        ("REDIS_TLS", "yes", "true or false"),
        ("REDIS_CA_FILE", "", "a path"),
        ("REDIS_TLS_ANY_NAME", "true", "only with REDIS_CA_FILE"),
        ("UPDATE_DEADLINE", "soon", durations),
        ("UPDATE_INTERVAL", "0s", durations),
        ("LOG_FORMAT", "JSON", "google, json or text"),
        ("RUST_LOG", "inof", levels),
    ] {
        let line = format!("{name} is {value:?}; allowed: {allowed}");
        assert_eq!(run_with(&[(name, value)]), (Some(2), vec![line]));
    }
}

#[test]
fn refuses_variables_that_contradict_each_other_and_shows_no_secret() {
    let (authority, password) = (NamedTempFile::new().unwrap(), random_password());
    std::fs::write(&authority, Authority::new().pem()).unwrap();
    let authority = authority.path().to_str().unwrap();
    for (environment, line) in [
        (&[("REDIS_CA_FILE", authority)][..], "REDIS_CA_FILE is set; allowed: only with REDIS_TLS=true"),
        (
            &[("REDIS_PASS", &*password), ("REDIS_PASS_FILE", &password)],
            "REDIS_PASS and REDIS_PASS_FILE are both set; allowed: only one of them",
        ),
    ] {
        assert_eq!(run_with(environment), (Some(2), vec![line.to_owned()]));
    }
}

#[test]
fn accepts_help_version_and_healthcheck_and_nothing_else() {
    let run = |argument: &str| Command::new(UPDATER).arg(argument).env_clear().output().unwrap();
    let print = |flag: &str| {
        let output = run(flag);
        assert!(output.status.success(), "{flag}");
        String::from_utf8(output.stdout).unwrap()
    };
    let help = print("--help");
    for name in "REDIS_HOST REDIS_PORT REDIS_DB REDIS_USER REDIS_PASS REDIS_PASS_FILE REDIS_TLS REDIS_CA_FILE \
                 REDIS_TLS_ANY_NAME UPDATE_DEADLINE UPDATE_INTERVAL LOG_FORMAT RUST_LOG healthcheck"
        .split_whitespace()
    {
        assert!(help.contains(&format!("\n  {name}")), "{name} in {help}");
    }
    assert_eq!(print("--version"), concat!("updater ", env!("CARGO_PKG_VERSION"), "\n"));
    let output = run("--interval=5s");
    assert_eq!(output.status.code(), Some(2));
    let line = "arguments are [\"--interval=5s\"]; allowed: none, healthcheck, --help or --version\n";
    assert_eq!(String::from_utf8(output.stderr).unwrap(), line);
}
