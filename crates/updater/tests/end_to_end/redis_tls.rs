//! Redis over TLS: the certificates of both sides.

use wrpi_test::{Authority, OpenSsl, Pair, Redis};

use crate::support::{refusal, run, stored};

const PAGE: &str = include_str!("../../../../docs/redis.md");
const EC: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256";
const SERVER: &str = "-addext basicConstraints=critical,CA:FALSE -addext subjectAltName=IP:127.0.0.1";

/// A Redis that does not ask clients for certificates.
fn start(authority: &str, pair: &Pair) -> Redis {
    Redis::start_tls_with(authority, pair, &["--tls-auth-clients", "no"])
}

/// The files of the commands in docs/redis.md: an authority, a pair for Redis at 127.0.0.1, and one for a client.
fn documented() -> OpenSsl {
    let commands = PAGE.split("```sh\n").find(|block| block.starts_with("openssl req")).unwrap();
    let commands = commands.split("```").next().unwrap();
    let certificates = OpenSsl::new();
    certificates.run(&commands.replace("DNS:redis.example.com", "IP:127.0.0.1"));
    certificates
}

#[test]
fn stores_a_reading_over_tls_with_the_documented_certificates() {
    let certificates = documented();
    let (authority, pair) = (certificates.read("ca.crt"), certificates.pair("redis"));
    let redis = start(&authority, &pair);
    assert_eq!(run(&redis, &[]).0, Some(0));
    assert_ne!(stored(&redis).0, "");
}

#[test]
fn presents_a_client_certificate_to_a_redis_that_requires_one() {
    let certificates = documented();
    let (authority, pair) = (certificates.read("ca.crt"), certificates.pair("redis"));
    // Redis requires certificates by default.
    let redis = Redis::start_tls_with(&authority, &pair, &[]);
    let (chain, key) = (certificates.path("wrpi.crt"), certificates.path("wrpi.key"));
    let client = [("REDIS_CERT_FILE", &*chain), ("REDIS_KEY_FILE", &key)];
    let error = refusal(&redis, &[]);
    assert!(error.contains("set REDIS_CERT_FILE and REDIS_KEY_FILE"), "{error}");
    assert_eq!(stored(&redis).0, "");
    assert_eq!(run(&redis, &client).0, Some(0));
    assert_ne!(stored(&redis).0, "");

    certificates.run(&format!("openssl req -x509 {EC} -noenc -days 1 -subj /CN=other -keyout wrpi.key -out wrpi.crt"));
    let error = refusal(&redis, &client);
    let why = "the server refused the certificate in REDIS_CERT_FILE: it does not trust the authority that issued it";
    assert!(error.contains(why), "{error}");
}

#[test]
fn stores_nothing_in_a_redis_with_a_certificate_of_another_authority() {
    let certificates = documented();
    let (authority, pair) = (certificates.read("ca.crt"), certificates.pair("redis"));
    let redis = start(&authority, &pair);
    let others = documented();
    let other = others.path("ca.crt");
    let (code, output) = run(&redis, &[("REDIS_CA_FILE", &other), ("UPDATE_DEADLINE", "2s")]);
    assert_eq!((code, stored(&redis).0.as_str()), (Some(1), ""), "{output}");
    assert!(output.contains("it is not signed by the authority of this name in REDIS_CA_FILE"), "{output}");
}

#[test]
fn says_why_the_certificate_of_a_redis_is_refused_and_what_is_allowed() {
    let self_signed = |more: &str| {
        format!("openssl req -x509 {EC} -noenc -days 1 -subj /CN=redis {more} -keyout redis.key -out redis.crt")
    };
    let issued = |authority_key: &str, more: &str| {
        let authority = format!("openssl req -x509 {authority_key} -noenc -subj /CN=ca -keyout ca.key -out ca.crt");
        format!("{authority}; {} -CA ca.crt -CAkey ca.key", self_signed(more))
    };
    let p521 = "-newkey ec -pkeyopt ec_paramgen_curve:P-521";
    let own = "cp redis.crt ca.crt";
    let refused = "the server's certificate is refused: ";
    for (commands, why) in [
        (
            format!("{}; {own}", self_signed("")),
            "it is the certificate of an authority (CA:TRUE), which no server may use",
        ),
        (issued(p521, SERVER), "its signature is of a kind that is not allowed, such as ECDSA P-521"),
        (
            issued(EC, "-addext basicConstraints=CA:FALSE -addext subjectAltName=DNS:redis.example,IP:10.0.0.1"),
            "it is for redis.example, 10.0.0.1, but REDIS_HOST is 127.0.0.1",
        ),
        (issued(EC, "-addext basicConstraints=CA:FALSE"), "it has no subjectAltName, but REDIS_HOST is 127.0.0.1"),
        (
            issued(EC, &format!("{SERVER} -addext extendedKeyUsage=clientAuth")),
            "its extended key usage does not allow servers (serverAuth)",
        ),
        (
            format!("{}; openssl req -x509 {EC} -noenc -subj /CN=x -keyout ca.key -out ca.crt", issued(EC, SERVER)),
            "REDIS_CA_FILE, or without it the public authorities, do not contain the authority that issued it",
        ),
        (
            format!("{}; openssl req -x509 {EC} -noenc -subj /CN=ca -keyout ca.key -out ca.crt", issued(EC, SERVER)),
            "it is not signed by the authority of this name in REDIS_CA_FILE",
        ),
    ] {
        let certificates = OpenSsl::new();
        certificates.run(&commands);
        let (authority, pair) = (certificates.read("ca.crt"), certificates.pair("redis"));
        let redis = start(&authority, &pair);
        let error = refusal(&redis, &[]);
        let start = format!("Redis at 127.0.0.1:{}/0: {refused}{why}", redis.port());
        assert!(error.starts_with(&start), "{commands}: {error}");
    }
    let authority = Authority::new();
    let expired = authority.issue_until("127.0.0.1", 2020);
    let error = refusal(&start(&authority.pem(), &expired), &[]);
    assert!(error.ends_with(&format!("{refused}it expired at 2020-01-01T00:00:00Z")), "{error}");
    let certificates = OpenSsl::new();
    certificates.run(&issued(EC, SERVER));
    certificates.run_version_1("redis");
    let error = refusal(&start(&certificates.read("ca.crt"), &certificates.pair("redis")), &[]);
    assert!(error.contains(&format!("{refused}it is X.509 version 1; allowed: version 3")), "{error}");
    // The server has no key for a signature that is allowed, and ends the handshake.
    let p521 = format!("openssl req -x509 -CA ca.crt -CAkey ca.key {p521} -noenc -subj /CN=r {SERVER}");
    certificates.run(&format!("{p521} -keyout redis.key -out redis.crt"));
    let error = refusal(&start(&certificates.read("ca.crt"), &certificates.pair("redis")), &[]);
    assert!(error.contains("its key is of a kind that is not allowed, such as ECDSA P-521 (allowed: RSA"), "{error}");
}

#[test]
fn accepts_a_self_signed_certificate_that_is_no_authority() {
    let certificates = OpenSsl::new();
    certificates.run(&format!("openssl req -x509 {EC} -noenc -days 1 -subj /CN=r {SERVER} -keyout r.key -out r.crt"));
    let pair = certificates.pair("r");
    let redis = start(&pair.certificate, &pair);
    assert_eq!(run(&redis, &[]).0, Some(0));
}
