//! The certificate: which files are taken at the start, and how a new one takes the old one's place.

use tokio_rustls::rustls::version::TLS13;
use wrpi_test::{Authority, Pair, Service, eventually, random_password};

use crate::api::{Api, BODY};
use crate::https::{HOST, Https};
use crate::secret::Secret;

const EXPIRY: &str = "wrpi_tls_certificate_expiry_timestamp_seconds";
const RELOADED: &str = r#"wrpi_tls_reloads_total{result="ok"}"#;
const REFUSED: &str = r#"wrpi_tls_reloads_total{result="failed"}"#;
pub(crate) const REFUSAL: &str = "new certificate refused, the old one stays in use";

#[test]
fn a_bad_pair_at_the_start_is_told_in_a_line_and_no_key_is_shown() {
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
        let output =
            start_fails(&[("TLS_CERT_FILE", &secret.path("tls.crt")), ("TLS_KEY_FILE", &secret.path("tls.key"))]);
        assert!(output.starts_with("TLS_CERT_FILE and TLS_KEY_FILE: "), "{output}");
        assert!(output.contains(why) && !output.contains('\n'), "{why}: {output}");
        let key_lines = pair.key.lines().filter(|line| !line.starts_with("--") && !line.is_empty());
        assert!(key_lines.into_iter().all(|line| !output.contains(line)), "{output}");
    }
}

#[test]
fn a_file_that_is_missing_or_alone_is_named() {
    let secret = Secret::mount(&Authority::new().issue(HOST));
    let (certificate, key) = (secret.path("tls.crt"), secret.path("tls.key"));
    let one = "TLS_CERT_FILE and TLS_KEY_FILE: one is set; allowed: both or neither";
    assert_eq!(start_fails(&[("TLS_CERT_FILE", &certificate)]), one);
    assert_eq!(start_fails(&[("TLS_KEY_FILE", &key)]), one);
    let missing = start_fails(&[("TLS_CERT_FILE", &certificate), ("TLS_KEY_FILE", "/nonexistent")]);
    let problem = "\"/nonexistent\": No such file or directory (os error 2)";
    let allowed = "allowed: PEM files of a certificate and its key";
    assert_eq!(missing, format!("TLS_CERT_FILE and TLS_KEY_FILE: {problem}; {allowed}"));
}

/// What the API prints when these variables keep it from starting.
fn start_fails(variables: &[(&str, &str)]) -> String {
    let password = random_password();
    let mut service =
        Service::spawn(env!("CARGO_BIN_EXE_wrpi-api"), [&[("APP_PASSWORD", &*password)], variables].concat());
    assert_eq!(service.wait().code(), Some(2), "{:?}", service.output());
    service.output().join("\n")
}

impl Https {
    /// Whether a new connection is shown the certificate of `pair`.
    fn shows(&self, pair: &Pair) -> bool {
        use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject};
        let stream = self.connect(self.client(&[&TLS13], &["http/1.1"]));
        let shown = stream.conn.peer_certificates().unwrap();
        shown == [CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap()]
    }

    /// Waits for a metric's value.
    fn counts(&self, name: &str, value: &str) {
        eventually(|| self.api.metrics(), |metrics| metrics.contains(&format!("\n{name} {value}\n")));
    }
}

#[test]
fn a_new_certificate_is_used_for_new_connections_and_no_open_one_is_dropped() {
    let mut https = Https::start(&[]);
    https.counts(EXPIRY, "3786912000");
    let mut open = https.open();
    assert_eq!(https.get(&mut open).body, BODY);
    let new = https.authority.issue_until(HOST, 2080);
    assert!(!https.shows(&new));

    https.secret.replace(&new);
    https.counts(RELOADED, "1");
    https.counts(EXPIRY, "3471292800");
    assert!(https.shows(&new));
    assert_eq!(https.get(&mut open).body, BODY);
    https.api.service.logged("certificate replaced");
    assert_eq!(https.api.metric(REFUSED), "0");
}

#[test]
fn a_bad_new_pair_is_refused_and_the_old_one_stays_until_a_good_one_comes() {
    let mut https = Https::start(&[]);
    let mismatched = Pair { certificate: https.authority.issue(HOST).certificate, key: https.pair.key.clone() };
    let expired = https.authority.issue_until(HOST, 2020);
    for (count, pair, why) in
        [(1, mismatched, "certificate and key: keys may not be consistent"), (2, expired, "expired at 1577836800")]
    {
        let seen = https.api.service.output().len();
        https.secret.replace(&pair);
        let entry = https.api.service.logged_after(seen, REFUSAL);
        assert!(entry["error"].as_str().unwrap().starts_with(why) && entry["level"] == "WARN", "{entry}");
        https.counts(REFUSED, &count.to_string());
        assert!(https.shows(&https.pair));
    }
    let seen = https.api.service.output().len();
    https.secret.remove();
    https.api.service.logged_after(seen, REFUSAL);
    https.counts(REFUSED, "3");
    assert!(https.shows(&https.pair));

    let good = https.authority.issue(HOST);
    https.secret.replace(&good);
    https.counts(RELOADED, "1");
    assert!(https.shows(&good));
    https.counts(REFUSED, "3");
    https.api.service.terminate();
    assert!(https.api.service.wait().success());
    let log = https.api.service.output().join("\n");
    assert!(good.key.lines().chain(https.pair.key.lines()).all(|line| !log.contains(line)), "no key is logged");
}

#[test]
fn without_a_certificate_nothing_is_said_of_one() {
    let (api, _redis) = Api::start(&[]);
    assert!(!api.metrics().contains("wrpi_tls_"));
}
