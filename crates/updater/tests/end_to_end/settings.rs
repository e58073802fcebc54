//! Settings are read and checked before anything starts: a bad one ends the process with exit code 2.

use std::process::Command;

use wrpi_test::{Service, random_password};

use crate::UPDATER;

#[test]
fn what_can_never_work_is_refused() {
    let durations = "a time from 100ms to 24h, such as 500ms, 30s (or just 30) or 5m";
    let trusted = "a readable PEM file of valid CA certificates";
    let levels = "off, error, warn, info, debug or trace, optionally with module levels, such as info,wrpi_core=debug";
    for (name, value, allowed) in [
        ("REDIS_HOST", "redis:6379", "a host name or an IP address alone, without a scheme, a port or brackets"),
        ("REDIS_PORT", "65536", "a number from 1 to 65535"),
        ("REDIS_DB", "one", "a number from 0 to 65535"),
        ("REDIS_USER", "my user", "a user name without white space, or empty"),
        ("REDIS_TLS", "yes", "true or false"),
        ("REDIS_CA_FILE", "/nonexistent", trusted),
        ("REDIS_CA_FILE", "/dev/null", trusted),
        ("REDIS_TLS_ANY_NAME", "true", "only with REDIS_CA_FILE"),
        ("UPDATE_DEADLINE", "soon", durations),
        ("UPDATE_DEADLINE", "30ms", durations),
        ("UPDATE_INTERVAL", "0s", durations),
        ("UPDATE_INTERVAL", "60ms", durations),
        ("UPDATE_INTERVAL", "2d", durations),
        ("UPDATE_INTERVAL", "", durations),
        ("LOG_FORMAT", "JSON", "json or text"),
        ("RUST_LOG", "inof", levels),
        ("RUST_LOG", "", levels),
    ] {
        let mut updater = Service::spawn(UPDATER, [(name, value)]);
        assert_eq!(updater.wait().code(), Some(2), "{name}");
        assert_eq!(updater.output(), [format!("{name} is {value:?}; allowed: {allowed}")]);
    }
}

#[test]
fn an_authority_without_tls_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, wrpi_test::Authority::new().pem()).unwrap();
    let mut updater = Service::spawn(UPDATER, [("REDIS_CA_FILE", file.path().to_str().unwrap())]);
    assert_eq!(updater.wait().code(), Some(2));
    assert_eq!(updater.output(), ["REDIS_CA_FILE is set; allowed: only with REDIS_TLS=true"]);
}

#[test]
fn no_secret_is_shown() {
    let password = random_password();
    let mut updater = Service::spawn(UPDATER, [("REDIS_PASS", password.as_str()), ("REDIS_PASS_FILE", &password)]);
    assert_eq!(updater.wait().code(), Some(2));
    assert_eq!(updater.output(), ["REDIS_PASS and REDIS_PASS_FILE are both set; allowed: only one of them"]);
}

#[test]
fn the_command_line_has_help_version_and_healthcheck_and_no_more() {
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
