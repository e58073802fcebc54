//! The certificate: which files the API accepts at startup, and how it replaces them.

use std::thread;

use wrpi_core::certificates::ALLOWED;
use wrpi_test::{Api, Authority, BODY, OpenSsl, Pair, Redis};

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
    let bad = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (pair, why) in [
        (pair(&good.certificate, &other.key), "the key file holds a key that does not belong to the certificate"),
        (pair(&good.certificate, ""), "the key file is empty"),
        (pair(&good.certificate, "rubbish"), "the key file is not PEM"),
        (pair(&good.certificate, cut), "the key file holds a damaged key"),
        (pair(&good.certificate, &good.certificate), "the key file holds no key, but a certificate: the files may be"),
        (pair(&good.key, &good.certificate), "the certificate file holds no certificate, but a private key: the files"),
        (pair("", &good.key), "the certificate file is empty"),
        (pair(bad, &good.key), "the certificate file holds a certificate that is not X.509"),
    ] {
        refuses(&pair, why);
    }
    let problem = "\"/nonexistent\": No such file or directory (os error 2)";
    let line = certificate_refusal(&Secret::mount(&good).path("tls.crt"), "/nonexistent");
    assert_eq!(line, format!("TLS_CERT_FILE and TLS_KEY_FILE: {problem}; allowed: {ALLOWED}"));
}

#[test]
fn says_which_kind_of_key_is_not_supported() {
    let certificates = OpenSsl::new();
    for (key, kind) in [
        ("ec -pkeyopt ec_paramgen_curve:P-521", "ECDSA P-521"),
        ("ec -pkeyopt ec_paramgen_curve:secp256k1", "ECDSA with the curve 1.3.132.0.10"),
        ("rsa:1024", "RSA of 1024 bits"),
        ("rsa-pss -pkeyopt rsa_keygen_bits:2048", "of the kind 1.2.840.113549.1.1.10"),
    ] {
        certificates.run(&format!("openssl req -x509 -noenc -subj /CN=a -newkey {key} -keyout a.key -out a.crt"));
        refuses(
            &certificates.pair("a"),
            &format!("the certificate file holds a certificate whose key is {kind}; allowed"),
        );
    }
    for key in ["ec -pkeyopt ec_paramgen_curve:P-384", "ed25519", "rsa:2048"] {
        certificates.run(&format!("openssl req -x509 -noenc -subj /CN=a -newkey {key} -keyout a.key -out a.crt"));
        let secret = Secret::mount(&certificates.pair("a"));
        let files = [("TLS_CERT_FILE", secret.path("tls.crt")), ("TLS_KEY_FILE", secret.path("tls.key"))];
        let files = files.each_ref().map(|(name, path)| (*name, path.as_str()));
        Api::follow(&Redis::start(), &[&files[..], &[("TLS_LISTEN_ADDR", "127.0.0.1:0")]].concat());
    }
}

#[test]
fn says_that_a_key_is_encrypted_or_a_file_is_not_pem() {
    let certificates = OpenSsl::new();
    certificates.run("openssl req -x509 -noenc -subj /CN=a -newkey rsa:2048 -keyout a.key -out a.crt");
    let good = certificates.pair("a");
    for encrypt in ["pkey -aes256", "rsa -traditional -aes256"] {
        certificates.run(&format!("openssl {encrypt} -in a.key -passout pass:any -out encrypted.key"));
        let key = certificates.read("encrypted.key");
        refuses(&Pair { certificate: good.certificate.clone(), key }, "the key file holds an encrypted key; allowed");
    }
    certificates
        .run("openssl x509 -in a.crt -outform DER -out der.crt; openssl pkey -in a.key -outform DER -out der.key");
    let path = |name| certificates.path(name);
    for (certificate, key, file) in [("der.crt", "a.key", "certificate"), ("a.crt", "der.key", "key")] {
        let line = certificate_refusal(&path(certificate), &path(key));
        assert!(line.contains(&format!("the {file} file is DER or PKCS#12, not PEM; allowed")), "{line}");
    }
    certificates.run("cp a.crt ca.crt; cp a.key ca.key");
    certificates.run_version_1("a");
    refuses(&certificates.pair("a"), "the certificate file holds a certificate of X.509 version 1; allowed");
}

#[test]
fn serves_an_expired_certificate_and_warns() {
    let (authority, redis) = (Authority::new(), Redis::start());
    let secret = Secret::mount(&authority.issue_until(HOST, 2020));
    let (certificate, key) = (secret.path("tls.crt"), secret.path("tls.key"));
    let files = [("TLS_CERT_FILE", &*certificate), ("TLS_KEY_FILE", &key), ("TLS_LISTEN_ADDR", "127.0.0.1:0")];
    let mut api = Api::follow(&redis, &files);
    let entry = api.service.logged("the certificate is not valid now, so clients will refuse it");
    assert_eq!(entry["error"], "the certificate expired at 2020-01-01T00:00:00Z");
    assert_eq!(api.metric(EXPIRY), "1577836800");
}

/// Checks that the API does not start with this pair, says `why` in one line, and shows nothing of the key.
fn refuses(pair: &Pair, why: &str) {
    let secret = Secret::mount(pair);
    let line = certificate_refusal(&secret.path("tls.crt"), &secret.path("tls.key"));
    assert!(line.contains(why), "{why}: {line}");
    let mut key_lines = pair.key.lines().filter(|line| !line.starts_with("--") && !line.is_empty());
    assert!(key_lines.all(|key_line| !line.contains(key_line)), "{line}");
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
        (mismatched, "the key file holds a key that does not belong to the certificate"),
        (expired, "the certificate expired at 2020-01-01T00:00:00Z"),
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
