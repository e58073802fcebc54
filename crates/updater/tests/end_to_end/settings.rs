//! Settings are read and checked before anything starts: a bad one ends the process with exit code 2.

use std::process::Command;

use wrpi_test::{Service, random_password};

use crate::UPDATER;

#[test]
fn each_bad_setting_is_named_with_what_was_given_and_what_is_allowed() {
    let durations = "allowed: a time above zero and up to a day, such as 500ms, 30s (or just 30) or 5m";
    for (name, value, allowed) in [
        ("REDIS_HOST", "", "allowed: a host name or address"),
        ("REDIS_PORT", "65536", "allowed: a port from 1 to 65535"),
        ("REDIS_DB", "one", "allowed: a database number from 0 to 65535"),
        ("REDIS_TLS", "yes", "allowed: true or false"),
        ("REDIS_CA_FILE", "/nonexistent", "allowed: a readable PEM file with a certificate"),
        ("REDIS_CA_FILE", "/dev/null", "allowed: a readable PEM file with a certificate"),
        ("REDIS_TLS_ANY_NAME", "true", "allowed: only with REDIS_CA_FILE"),
        ("UPDATE_DEADLINE", "soon", durations),
        ("UPDATE_INTERVAL", "0s", durations),
        ("UPDATE_INTERVAL", "2d", durations),
        ("LOG_FORMAT", "JSON", "allowed: json or text"),
        ("RUST_LOG", "a=b=c", "allowed: directives such as info or wrpi_core=debug"),
    ] {
        let mut updater = Service::spawn(UPDATER, [(name, value)]);
        assert_eq!(updater.wait().code(), Some(2), "{name}");
        assert_eq!(updater.output(), [format!("{name} is {value:?}; {allowed}")]);
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
fn help_lists_every_variable_and_version_the_version() {
    let print = |flag: &str| {
        let output = Command::new(UPDATER).arg(flag).env_clear().output().unwrap();
        assert!(output.status.success(), "{flag}");
        String::from_utf8(output.stdout).unwrap()
    };
    let help = print("--help");
    for name in "REDIS_HOST REDIS_PORT REDIS_DB REDIS_USER REDIS_PASS REDIS_PASS_FILE REDIS_TLS REDIS_CA_FILE \
                 REDIS_TLS_ANY_NAME UPDATE_DEADLINE UPDATE_INTERVAL LOG_FORMAT RUST_LOG"
        .split_whitespace()
    {
        assert!(help.contains(&format!("\n  {name} ")), "{name} in {help}");
    }
    assert_eq!(print("--version"), concat!("updater ", env!("CARGO_PKG_VERSION"), "\n"));
}
