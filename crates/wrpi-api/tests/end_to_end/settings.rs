//! The process checks all settings before it starts anything, and a bad one ends it with exit code 2.

use std::collections::BTreeSet;
use std::net::TcpListener;

use tempfile::NamedTempFile;
use wrpi_test::{Api, Authority, Redis, random_password};

use crate::support::binary::{listed, print, refused};

const ADDRESS: &str = "an IP address and port, such as 0.0.0.0:8080 or [::]:8080";
const CLIENT: &str = "connection, or a header name, optionally with a position from 1 to 100, such as x-real-ip, \
                      x-forwarded-for:2 or forwarded";
const DURATION: &str = "a time from 100ms to 24h, such as 500ms, 30s (or just 30) or 5m";
const HOST: &str = "a host name or an IP address alone, without a scheme, a port or brackets";
const LOG: &str = "off, error, warn, info, debug or trace, optionally with module levels, such as info,wrpi_core=debug";
const ORIGINS: &str = "*, or comma-separated origins such as https://app.example.com or capacitor://localhost";
const PAIR: &str = "PEM files of a certificate chain (X.509 version 3) and of its unencrypted key: RSA of 2048 to 4096 \
                    bits, ECDSA P-256 or P-384, or Ed25519";
const SECRET: &str = "up to 4096 bytes of UTF-8 text without control characters";
const SECRET_FILE: &str =
    "a file of up to 4096 bytes of UTF-8 text without control characters, except one trailing newline";

#[test]
fn refuses_invalid_values_of_every_variable() {
    let mut tried = BTreeSet::new();
    for (name, values, allowed) in [
        ("REDIS_HOST", &["", "redis://redis", "redis:6379"][..], HOST),
        ("REDIS_PORT", &["", "0", "65536", "redis", "tcp://10.0.0.1:6379"], "a number from 1 to 65535"),
        ("REDIS_DB", &["-1", "65536"], "a number from 0 to 65535"),
        ("REDIS_USER", &["my user", "api\n"], "a user name without white space, or empty"),
        ("REDIS_TLS", &["1", "yes", "TRUE", ""], "true or false"),
        ("REDIS_CA_FILE", &["", "-----BEGIN CERTIFICATE-----\nMIIB"], "a path"),
        ("REDIS_CERT_FILE", &[""], "a path"),
        ("REDIS_KEY_FILE", &[""], "a path"),
        ("REDIS_TLS_ANY_NAME", &["yes"], "true or false"),
        ("REDIS_TLS_ANY_NAME", &["true"], "only with REDIS_CA_FILE"),
        ("REDIS_HEARTBEAT", &["1ms", "25h", "forever", ""], DURATION),
        ("LISTEN_ADDR", &["8080", ":8080", "localhost:8080", "[::]", ""], ADDRESS),
        ("TLS_LISTEN_ADDR", &[":8443"], ADDRESS),
        ("TLS_CERT_FILE", &["", "-----BEGIN CERTIFICATE-----\nMIIB"], "a path"),
        ("TLS_KEY_FILE", &[""], "a path"),
        ("PLAIN_HTTP", &["no", "REDIRECT"], "redirect or serve"),
        ("HTTPS_PORT", &["0", "65536", "https", ""], "a number from 1 to 65535"),
        ("HSTS_MAX_AGE", &["-1", "1y", "4294967296", ""], "a number from 0 to 4294967295"),
        ("ADMIN_ADDR", &["localhost:9090", "9090"], ADDRESS),
        ("MAX_CONNECTIONS", &["0", "-1", "many", "1000001"], "a number from 1 to 1000000"),
        ("IDLE_TIMEOUT", &["1ms"], DURATION),
        ("AUTH_GUESSES", &["-1", "101"], "a number from 0 to 100"),
        ("AUTH_GUESS_REFILL", &["1ms"], DURATION),
        ("CLIENT_IP_SOURCE", &["", "x-forwarded-for:0"], CLIENT),
        ("CORS_ALLOWED_ORIGINS", &["", "https://app.example.com/"], ORIGINS),
        ("TOKIO_WORKER_THREADS", &["", "0", "many", "1025"], "a number from 1 to 1024"),
        ("LOG_FORMAT", &["xml", "JSON", ""], "google, json or text"),
        ("RUST_LOG", &["", "inof"], LOG),
        ("REDIS_PASS", &[], SECRET),
        ("REDIS_PASS_FILE", &[], SECRET_FILE),
        ("APP_PASSWORD", &[], SECRET),
        ("APP_PASSWORD_FILE", &[], SECRET_FILE),
        ("APP_PASSWORD_PREVIOUS", &[], SECRET),
        ("APP_PASSWORD_PREVIOUS_FILE", &[], SECRET_FILE),
    ] {
        tried.insert(name);
        for value in values {
            let line = format!("{name} is {value:?}; allowed: {allowed}");
            assert_eq!(refused(&[("APP_PASSWORD", &random_password()), (name, value)]), (Some(2), vec![line]));
        }
        if values.is_empty() {
            let secret = format!("{}\t", random_password());
            let wrong = if name.ends_with("_FILE") {
                "names a file that cannot be read: No such file or directory (os error 2)"
            } else {
                "has the control character U+0009"
            };
            let good =
                if name.starts_with("APP_PASSWORD") && !name.contains("PREVIOUS") { "_" } else { "APP_PASSWORD" };
            let line = format!("{name} {wrong}; allowed: {allowed}");
            assert_eq!(refused(&[(good, &random_password()), (name, &secret)]), (Some(2), vec![line]));
        }
    }
    assert_eq!(tried, listed(&print("--help")), "each variable has a bad value here");
}

#[test]
fn refuses_variables_that_contradict_each_other() {
    let (password, certificate) = (random_password(), Authority::new().issue("wrpi.example"));
    let file = |content: &str| {
        let file = NamedTempFile::new().unwrap();
        std::fs::write(&file, content).unwrap();
        file
    };
    let [chain, key] = [&certificate.certificate, &certificate.key].map(|content| file(content));
    let authority = file(&Authority::new().pem());
    let [chain, key, authority] = [&chain, &key, &authority].map(|file| file.path().to_str().unwrap());
    let no_authority = file("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
    let no_authority = no_authority.path().to_str().unwrap();
    let https = ["TLS_LISTEN_ADDR=127.0.0.1:0", "HTTPS_PORT=443", "HSTS_MAX_AGE=60", "PLAIN_HTTP=redirect"];
    let https = https.map(|pair| pair.split_once('=').unwrap());
    let without_https =
        |name: &str| format!("{name} is set without HTTPS; allowed: only with TLS_CERT_FILE and TLS_KEY_FILE");
    let trusted = "a PEM file of CA certificates";
    let client = "REDIS_CERT_FILE and REDIS_KEY_FILE";
    let mut cases = vec![
        (vec![("REDIS_CA_FILE", authority)], "REDIS_CA_FILE is set; allowed: only with REDIS_TLS=true".to_owned()),
        (
            vec![("REDIS_TLS", "true"), ("REDIS_CA_FILE", no_authority)],
            format!("REDIS_CA_FILE: {no_authority:?} holds a certificate that is not X.509; allowed: {trusted}"),
        ),
        (
            vec![("REDIS_TLS", "true"), ("REDIS_CA_FILE", key)],
            format!(
                "REDIS_CA_FILE: {key:?} holds no certificate, but a private key: the files may be swapped; allowed: \
                 {trusted}"
            ),
        ),
        (
            vec![("REDIS_TLS", "true"), ("REDIS_CA_FILE", "/dev/null")],
            format!("REDIS_CA_FILE: \"/dev/null\" is empty; allowed: {trusted}"),
        ),
        (
            vec![("REDIS_CERT_FILE", chain), ("REDIS_KEY_FILE", key)],
            format!("{client} are set; allowed: only with REDIS_TLS=true"),
        ),
        (
            vec![("REDIS_TLS", "true"), ("REDIS_CERT_FILE", chain)],
            format!("{client} are not both set; allowed: both or neither"),
        ),
        (
            vec![("REDIS_TLS", "true"), ("REDIS_CERT_FILE", chain), ("REDIS_KEY_FILE", chain)],
            format!(
                "{client}: the key file holds no key, but a certificate: the files may be swapped; allowed: {PAIR}"
            ),
        ),
        (
            vec![("REDIS_USER", "api")],
            "REDIS_USER is set without REDIS_PASS, so it would have no effect; allowed: both, or neither".to_owned(),
        ),
        (
            vec![("REDIS_PASS", "a"), ("REDIS_PASS_FILE", "b")],
            "REDIS_PASS and REDIS_PASS_FILE are both set; allowed: only one of them".to_owned(),
        ),
        (
            vec![("APP_PASSWORD_FILE", "/dev/null")],
            "APP_PASSWORD and APP_PASSWORD_FILE are both set; allowed: only one of them".to_owned(),
        ),
        (
            vec![("TLS_CERT_FILE", chain)],
            "TLS_CERT_FILE and TLS_KEY_FILE: only one is set; allowed: both or neither".to_owned(),
        ),
        (
            vec![("TLS_KEY_FILE", key)],
            "TLS_CERT_FILE and TLS_KEY_FILE: only one is set; allowed: both or neither".to_owned(),
        ),
        (
            vec![("LISTEN_ADDR", "0.0.0.0:9090")],
            "LISTEN_ADDR and ADMIN_ADDR are 0.0.0.0:9090 and 127.0.0.1:9090, which overlap; allowed: different ports or \
             IP addresses"
                .to_owned(),
        ),
        (
            vec![("TLS_CERT_FILE", chain), ("TLS_KEY_FILE", key), ("TLS_LISTEN_ADDR", "[::]:8080")],
            "LISTEN_ADDR and TLS_LISTEN_ADDR are 0.0.0.0:8080 and [::]:8080, which overlap; allowed: different ports or \
             IP addresses"
                .to_owned(),
        ),
    ];
    cases.extend(https.map(|(name, value)| (vec![(name, value)], without_https(name))));
    for (environment, line) in cases {
        let environment = [&[("APP_PASSWORD", &*password)], &environment[..]].concat();
        assert_eq!(refused(&environment), (Some(2), vec![line]), "{environment:?}");
    }
}

#[test]
fn requires_a_password() {
    let line = "APP_PASSWORD is unset or empty; allowed: a password, here or in APP_PASSWORD_FILE";
    for environment in [vec![], vec![("APP_PASSWORD", "")], vec![("APP_PASSWORD_FILE", "/dev/null")]] {
        assert_eq!(refused(&environment), (Some(2), vec![line.to_owned()]), "{environment:?}");
    }
}

#[test]
fn reports_all_bad_settings_at_once_and_shows_no_secret() {
    let secrets = [(); 5].map(|()| random_password());
    let [password, in_host, in_origin, as_path, key] = &secrets;
    let (code, lines) = refused(&[
        ("APP_PASSWORD", &format!("{password}\r")),
        ("APP_PASSWORD_PREVIOUS_FILE", as_path),
        ("REDIS_HOST", &format!("redis://:{in_host}@redis:6379/0")),
        ("REDIS_PORT", "x"),
        ("LISTEN_ADDR", "y"),
        ("TLS_KEY_FILE", &format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----")),
        ("CORS_ALLOWED_ORIGINS", &format!("https://any:{in_origin}@app.example.com")),
    ]);
    assert_eq!(code, Some(2));
    let named: Vec<_> = lines.iter().filter_map(|line| line.split(' ').next()).collect();
    let in_order = "REDIS_HOST REDIS_PORT APP_PASSWORD APP_PASSWORD_PREVIOUS_FILE LISTEN_ADDR TLS_KEY_FILE \
                    CORS_ALLOWED_ORIGINS";
    assert_eq!(named.join(" "), in_order);
    let output = lines.join("\n");
    assert!(!secrets.iter().any(|secret| output.contains(secret)), "{output}");
}

#[test]
fn accepts_a_previous_password_that_is_empty_or_the_current_one() {
    let redis = Redis::start();
    let password = random_password();
    for previous in [
        ("APP_PASSWORD_PREVIOUS", ""),
        ("APP_PASSWORD_PREVIOUS_FILE", "/dev/null"),
        ("APP_PASSWORD_PREVIOUS", &*password),
    ] {
        let mut api = Api::follow(&redis, &[("APP_PASSWORD", &password), previous]);
        api.service.terminate();
        assert!(api.service.wait().success(), "{previous:?}");
    }
}

#[test]
fn keeps_the_admin_listener_on_loopback_by_default_and_warns_if_it_is_public() {
    let redis = Redis::start();
    let warning = "the admin listener is on a public listener's address; block its port for clients";
    for (listen, admin, is_warned) in [
        ("127.0.0.1:0", "127.0.0.1:0", false),
        ("0.0.0.0:0", "127.0.0.1:0", false),
        ("0.0.0.0:0", "0.0.0.0:0", true),
        ("127.0.0.1:0", "0.0.0.0:0", true),
        ("[::]:0", "0.0.0.0:0", true),
    ] {
        let mut api = Api::follow(&redis, &[("LISTEN_ADDR", listen), ("ADMIN_ADDR", admin)]);
        api.service.terminate();
        assert!(api.service.wait().success());
        assert_eq!(api.service.count_logged(warning), usize::from(is_warned), "{listen} {admin}");
    }
    assert!(print("--help").contains("\n  ADMIN_ADDR [127.0.0.1:9090]\n"));
}

#[test]
fn names_an_address_that_is_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, lines) =
        refused(&[("APP_PASSWORD", &random_password()), ("LISTEN_ADDR", &address), ("ADMIN_ADDR", "127.0.0.1:0")]);
    assert_eq!(code, Some(1));
    assert!(lines.join("\n").contains(&format!("cannot listen on LISTEN_ADDR {address}")), "{lines:?}");
}
