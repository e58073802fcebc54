//! Settings are read and checked before anything starts: a bad one ends the process with exit code 2.

use std::net::TcpListener;

use tempfile::NamedTempFile;
use wrpi_test::{Authority, Service, random_password};

const API: &str = env!("CARGO_BIN_EXE_wrpi-api");

/// The exit code and the output of the binary with these variables.
fn refused(environment: &[(&str, &str)]) -> (Option<i32>, Vec<String>) {
    let mut service = Service::spawn(API, environment.iter().copied());
    let status = service.wait();
    (status.code(), service.output())
}

#[test]
fn each_bad_setting_is_named_with_what_was_given_and_what_is_allowed() {
    let password = random_password();
    let good = ("APP_PASSWORD", password.as_str());
    for (environment, line) in [
        (vec![], "APP_PASSWORD is unset or empty; allowed: a password, here or in APP_PASSWORD_FILE"),
        (
            vec![("APP_PASSWORD", "")],
            "APP_PASSWORD is unset or empty; allowed: a password, here or in APP_PASSWORD_FILE",
        ),
        (
            vec![good, ("APP_PASSWORD_FILE", "/dev/null")],
            "APP_PASSWORD and APP_PASSWORD_FILE are both set; allowed: only one of them",
        ),
        (
            vec![("APP_PASSWORD_FILE", "/nonexistent")],
            "APP_PASSWORD_FILE is \"/nonexistent\": No such file or directory (os error 2); allowed: a readable file of \
             UTF-8 text",
        ),
        (
            vec![("APP_PASSWORD_FILE", "/dev/null")],
            "APP_PASSWORD is unset or empty; allowed: a password, here or in APP_PASSWORD_FILE",
        ),
        (vec![good, ("REDIS_HOST", "")], "REDIS_HOST is \"\"; allowed: a host name or address"),
        (vec![good, ("REDIS_PORT", "0")], "REDIS_PORT is \"0\"; allowed: a port from 1 to 65535"),
        (
            vec![good, ("REDIS_PORT", "tcp://10.0.0.1:6379")],
            "REDIS_PORT is \"tcp://10.0.0.1:6379\"; allowed: a port from 1 to 65535",
        ),
        (vec![good, ("REDIS_DB", "-1")], "REDIS_DB is \"-1\"; allowed: a database number from 0 to 65535"),
        (
            vec![good, ("REDIS_PASS", "a"), ("REDIS_PASS_FILE", "b")],
            "REDIS_PASS and REDIS_PASS_FILE are both set; allowed: only one of them",
        ),
        (
            vec![good, ("REDIS_HEARTBEAT", "0")],
            "REDIS_HEARTBEAT is \"0\"; allowed: a time above zero and up to a day, such as 500ms, 30s (or just 30) or 5m",
        ),
        (
            vec![good, ("LISTEN_ADDR", "8080")],
            "LISTEN_ADDR is \"8080\"; allowed: an IP address and port, such as 0.0.0.0:8080 or [::]:8080",
        ),
        (
            vec![good, ("ADMIN_ADDR", "localhost:9090")],
            "ADMIN_ADDR is \"localhost:9090\"; allowed: an IP address and port, such as 0.0.0.0:8080 or [::]:8080",
        ),
        (
            vec![good, ("CORS_ALLOWED_ORIGINS", "https://app.example.com/")],
            "CORS_ALLOWED_ORIGINS is \"https://app.example.com/\"; allowed: *, or comma-separated origins such as \
             https://app.example.com",
        ),
        (vec![good, ("REDIS_TLS", "1")], "REDIS_TLS is \"1\"; allowed: true or false"),
        (
            vec![good, ("REDIS_CA_FILE", "/nonexistent")],
            "REDIS_CA_FILE is \"/nonexistent\"; allowed: a readable PEM file with a certificate",
        ),
        (
            vec![good, ("REDIS_TLS", "true"), ("REDIS_TLS_ANY_NAME", "true")],
            "REDIS_TLS_ANY_NAME is \"true\"; allowed: only with REDIS_CA_FILE",
        ),
        (
            vec![good, ("TLS_LISTEN_ADDR", ":8443")],
            "TLS_LISTEN_ADDR is \":8443\"; allowed: an IP address and port, such as 0.0.0.0:8080 or [::]:8080",
        ),
        (vec![good, ("TLS_CERT_FILE", "")], "TLS_CERT_FILE is \"\"; allowed: a path"),
        (vec![good, ("TLS_KEY_FILE", "")], "TLS_KEY_FILE is \"\"; allowed: a path"),
        (vec![good, ("PLAIN_HTTP", "no")], "PLAIN_HTTP is \"no\"; allowed: redirect or serve"),
        (
            vec![good, ("PLAIN_HTTP", "redirect")],
            "PLAIN_HTTP is \"redirect\"; allowed: only with TLS_CERT_FILE and TLS_KEY_FILE",
        ),
        (vec![good, ("MAX_CONNECTIONS", "0")], "MAX_CONNECTIONS is \"0\"; allowed: a number from 1"),
        (
            vec![good, ("IDLE_TIMEOUT", "2d")],
            "IDLE_TIMEOUT is \"2d\"; allowed: a time above zero and up to a day, such as 500ms, 30s (or just 30) or 5m",
        ),
        (vec![good, ("AUTH_GUESSES", "-1")], "AUTH_GUESSES is \"-1\"; allowed: a number up to 100; 0 is no limit"),
        (vec![good, ("AUTH_GUESSES", "101")], "AUTH_GUESSES is \"101\"; allowed: a number up to 100; 0 is no limit"),
        (
            vec![good, ("AUTH_GUESS_REFILL", "0s")],
            "AUTH_GUESS_REFILL is \"0s\"; allowed: a time above zero and up to a day, such as 500ms, 30s (or just 30) \
             or 5m",
        ),
        (
            vec![good, ("CLIENT_IP_SOURCE", "x-forwarded-for:0")],
            "CLIENT_IP_SOURCE is \"x-forwarded-for:0\"; allowed: connection, or a header's name and the position in it, \
             such as x-real-ip or x-forwarded-for:2",
        ),
        (vec![good, ("LOG_FORMAT", "xml")], "LOG_FORMAT is \"xml\"; allowed: json or text"),
        (
            vec![good, ("RUST_LOG", "a=b=c")],
            "RUST_LOG is \"a=b=c\"; allowed: directives such as info or wrpi_core=debug",
        ),
    ] {
        assert_eq!(refused(&environment), (Some(2), vec![line.to_owned()]), "{environment:?}");
    }
}

#[test]
fn an_authority_without_tls_is_refused() {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(&file, Authority::new().pem()).unwrap();
    let path = file.path().to_str().unwrap();
    let (code, lines) = refused(&[("APP_PASSWORD", &random_password()), ("REDIS_CA_FILE", path)]);
    assert_eq!((code, lines.join("\n").as_str()), (Some(2), "REDIS_CA_FILE is set; allowed: only with REDIS_TLS=true"));
}

#[test]
fn all_bad_settings_are_told_at_once_and_no_secret_is_shown() {
    let (password, redis_password) = (random_password(), random_password());
    let (code, lines) = refused(&[
        ("APP_PASSWORD", &password),
        ("APP_PASSWORD_FILE", &password),
        ("REDIS_PASS", &redis_password),
        ("REDIS_PORT", "x"),
        ("LISTEN_ADDR", "y"),
    ]);
    assert_eq!(code, Some(2));
    let named: Vec<_> = lines.iter().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(named, ["REDIS_PORT", "APP_PASSWORD", "LISTEN_ADDR"]);
    let output = lines.join("\n");
    assert!(!output.contains(&password) && !output.contains(&redis_password), "{output}");
}

#[test]
fn an_address_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, lines) = refused(&[("APP_PASSWORD", &random_password()), ("LISTEN_ADDR", &address)]);
    assert_eq!(code, Some(1));
    assert!(lines.join("\n").contains(&format!("cannot listen on LISTEN_ADDR {address}")), "{lines:?}");
}

#[test]
fn help_lists_every_variable_and_version_the_version() {
    let print = |flag: &str| {
        let output = std::process::Command::new(API).arg(flag).env_clear().output().unwrap();
        assert!(output.status.success(), "{flag}");
        String::from_utf8(output.stdout).unwrap()
    };
    let help = print("--help");
    for name in "REDIS_HOST REDIS_PORT REDIS_DB REDIS_USER REDIS_PASS REDIS_PASS_FILE REDIS_TLS REDIS_CA_FILE \
                 REDIS_TLS_ANY_NAME REDIS_HEARTBEAT APP_PASSWORD APP_PASSWORD_FILE LISTEN_ADDR TLS_CERT_FILE TLS_KEY_FILE TLS_LISTEN_ADDR \
                 PLAIN_HTTP ADMIN_ADDR MAX_CONNECTIONS IDLE_TIMEOUT AUTH_GUESSES AUTH_GUESS_REFILL CLIENT_IP_SOURCE \
                 CORS_ALLOWED_ORIGINS LOG_FORMAT RUST_LOG"
        .split_whitespace()
    {
        assert!(help.contains(&format!("\n  {name} ")) || help.contains(&format!("\n  {name}\n")), "{name} in {help}");
    }
    assert_eq!(print("--version"), concat!("wrpi-api ", env!("CARGO_PKG_VERSION"), "\n"));
}
