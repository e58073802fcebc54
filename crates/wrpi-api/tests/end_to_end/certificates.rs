//! The certificate: which files the API accepts at startup, and how it replaces them.

use std::thread;

use wrpi_test::{Authority, BODY, Pair};

use crate::support::binary::certificate_refusal;
use crate::support::https::{HOST, Https, REFUSAL};
use crate::support::secret::Secret;

const EXPIRY: &str = "wrpi_tls_certificate_expiry_timestamp_seconds";
const RELOADED: &str = r#"wrpi_tls_reloads_total{result="ok"}"#;
const REFUSED: &str = r#"wrpi_tls_reloads_total{result="failed"}"#;

#[test]
fn refuses_bad_files_at_startup_in_one_line_that_shows_no_key() {
    let authority = Authority::new();
    let (good, other) = (authority.issue(HOST), authority.issue(HOST));
    let pair = |certificate: &str, key: &str| Pair { certificate: certificate.into(), key: key.into() };
    let cut = &good.key[..good.key.len() / 2];
    for (pair, why) in [
        (pair(&good.certificate, &other.key), "certificate and key: keys may not be consistent"),
        (pair(&good.certificate, ""), "the key: "),
        (pair(&good.certificate, "rubbish"), "the key: "),
        (pair(&good.certificate, cut), "the key: "),
        (pair(&good.key, &good.key), "the certificate file contains no certificate"),
        (pair("", &good.key), "the certificate file contains no certificate"),
        (pair("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &good.key), "the certificate: "),
    ] {
        let secret = Secret::mount(&pair);
        let line = certificate_refusal(&secret.path("tls.crt"), &secret.path("tls.key"));
        assert!(line.contains(why), "{why}: {line}");
        let key_lines = pair.key.lines().filter(|line| !line.starts_with("--") && !line.is_empty());
        assert!(key_lines.into_iter().all(|key_line| !line.contains(key_line)), "{line}");
    }
    let problem = "\"/nonexistent\": No such file or directory (os error 2)";
    let allowed = "allowed: PEM files of a certificate and its key";
    let line = certificate_refusal(&Secret::mount(&good).path("tls.crt"), "/nonexistent");
    assert_eq!(line, format!("TLS_CERT_FILE and TLS_KEY_FILE: {problem}; {allowed}"));
}

#[test]
fn uses_a_new_certificate_for_new_connections_and_keeps_open_ones() {
    let mut https = Https::start(&[]);
    https.has_metric(EXPIRY, "3786912000");
    let mut open = https.open();
    assert_eq!(https.get(&mut open).body, BODY);
    let new = https.authority.issue_until(HOST, 2080);
    assert!(!https.presents(&new));

    https.secret.replace(&new);
    https.has_metric(RELOADED, "1");
    https.has_metric(EXPIRY, "3471292800");
    assert!(https.presents(&new));
    assert_eq!(https.get(&mut open).body, BODY);
    https.api.service.logged("certificate replaced");
    assert_eq!(https.api.metric(REFUSED), "0");
}

#[test]
fn refuses_a_bad_new_certificate_and_keeps_the_old_one_until_a_good_one_comes() {
    let mismatched = |https: &Https| {
        let certificate = https.authority.issue(HOST).certificate;
        https.secret.replace(&Pair { certificate, key: https.pair.key.clone() });
    };
    let expired = |https: &Https| https.secret.replace(&https.authority.issue_until(HOST, 2020));
    let removed = |https: &Https| https.secret.remove();
    type Break = fn(&Https);
    let cases: [(Break, &str); 3] = [
        (mismatched, "certificate and key: keys may not be consistent"),
        (expired, "expired at 1577836800"),
        (removed, "No such file or directory"),
    ];
    // The API waits some seconds before it refuses a pair, so all cases wait at once.
    thread::scope(|scope| {
        for (break_secret, why) in cases {
            scope.spawn(move || {
                let mut https = Https::start(&[]);
                break_secret(&https);
                let entry = https.api.service.logged(REFUSAL);
                assert!(entry["error"].as_str().unwrap().contains(why) && entry["level"] == "WARN", "{entry}");
                https.has_metric(REFUSED, "1");
                assert!(https.presents(&https.pair));

                let good = https.authority.issue(HOST);
                https.secret.replace(&good);
                https.has_metric(RELOADED, "1");
                assert!(https.presents(&good));
                https.api.service.terminate();
                assert!(https.api.service.wait().success());
                let log = https.api.service.output().join("\n");
                assert!(good.key.lines().chain(https.pair.key.lines()).all(|line| !log.contains(line)), "{log}");
            });
        }
    });
}
