//! HTTPS: the versions of TLS, HSTS and the redirect of plain HTTP.

use tokio_rustls::rustls::ProtocolVersion;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use wrpi_test::{BODY, Connection, send};

use crate::support::https::{HSTS, Https};

#[test]
fn speaks_tls_1_2_and_1_3_and_the_protocol_that_the_client_offers() {
    let https = Https::start(&[]);
    for (version, name) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        for (offered, chosen) in [
            (&["http/1.1"][..], Some("http/1.1")),
            (&[], None),
            (&["h2", "http/1.1"], Some("h2")),
            (&["h2"], Some("h2")),
            (&["http/1.0"], Some("http/1.0")),
            (&["http/1.0", "http/1.1"], Some("http/1.1")),
        ] {
            let stream = https.connect(https.client(&[version], offered));
            assert_eq!(stream.conn.protocol_version(), Some(name));
            assert_eq!(stream.conn.alpn_protocol(), chosen.map(str::as_bytes), "{offered:?}");
            if chosen != Some("h2") {
                let answer = https.get(&mut Connection::over(stream));
                assert_eq!((answer.status, answer.body.as_str()), (200, BODY));
            }
        }
    }
}

#[test]
fn sends_hsts_over_tls_only() {
    let https = Https::start(&[("PLAIN_HTTP", "serve")]);
    for target in ["/v0/wrpi", "/", "/nowhere"] {
        let answer = https.open().request("GET", target, &[]).unwrap();
        assert_eq!(answer.header(HSTS), Some("max-age=31536000"), "{target}");
        assert_eq!(send(&https.api.address, "GET", target, &[]).header(HSTS), None, "{target}");
    }
    assert_eq!(https.get(&mut https.open()).header(HSTS), Some("max-age=31536000"));
    assert_eq!(https.api.get().body, BODY, "PLAIN_HTTP=serve");
}

#[test]
fn redirects_plain_http_except_the_probes_of_load_balancers() {
    let https = Https::start(&[("HTTPS_PORT", "443")]);
    let host = ("Host", "wrpi.example:8080");
    for (method, target) in [
        ("GET", "/v0/wrpi"),
        ("HEAD", "/v0/wrpi"),
        ("GET", "/a%20b?c=d&e=/f"),
        ("GET", "/?probe"),
        ("POST", "/"),
        ("OPTIONS", "/v0/wrpi"),
        ("OPTIONS", "*"),
    ] {
        let mut connection = Connection::open(&https.api.address).unwrap();
        connection.write(&format!("{method} {target} HTTP/1.1\r\n{}: {}\r\n\r\n", host.0, host.1)).unwrap();
        let answer = connection.read(method != "HEAD").unwrap();
        if target == "/?probe" {
            assert_eq!(answer.status, 200);
            continue;
        }
        assert_eq!(answer.status, 308, "{method} {target}");
        assert_eq!(answer.header("location"), Some(&*format!("https://wrpi.example{}", target.replace('*', "/"))));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
    for (method, status) in [("GET", 200), ("HEAD", 200), ("OPTIONS", 204)] {
        assert_eq!(send(&https.api.address, method, "/", &[]).status, status);
        // HAProxy probes with HTTP/1.0 and without a Host.
        let mut connection = Connection::open(&https.api.address).unwrap();
        connection.write(&format!("{method} / HTTP/1.0\r\n\r\n")).unwrap();
        assert_eq!(connection.read(method != "HEAD").unwrap().status, status);
    }
}

#[test]
fn uses_the_configured_port_and_max_age() {
    let https = Https::start(&[("HSTS_MAX_AGE", "0")]);
    let port = https.address.rsplit(':').next().unwrap();
    assert_eq!(https.redirect("wrpi.example:8080"), format!("https://wrpi.example:{port}/v0/wrpi"));
    assert_eq!(https.get(&mut https.open()).header(HSTS), None);

    let https = Https::start(&[("HSTS_MAX_AGE", "60"), ("HTTPS_PORT", "4443")]);
    assert_eq!(https.redirect("[2001:db8::1]:8080"), "https://[2001:db8::1]:4443/v0/wrpi");
    assert_eq!(https.get(&mut https.open()).header(HSTS), Some("max-age=60"));
}

#[test]
fn redirects_to_a_valid_host_only() {
    let https = Https::start(&[("HTTPS_PORT", "443")]);
    for (host, location) in [("test:", "https://test/v0/wrpi"), ("[::1]:80", "https://[::1]/v0/wrpi")] {
        assert_eq!(https.redirect(host), location);
    }
    for (version, host) in [("1.1", ":80"), ("1.1", "a:b:c"), ("1.0", "u@h")] {
        let mut connection = Connection::open(&https.api.address).unwrap();
        connection.write(&format!("GET /v0/wrpi HTTP/{version}\r\nHost: {host}\r\n\r\n")).unwrap();
        assert_eq!(connection.read(true).unwrap().status, 400, "{host}");
    }
}

#[test]
fn answers_400_if_it_cannot_redirect_without_a_host() {
    let https = Https::start(&[]);
    for version in ["HTTP/1.0", "HTTP/1.1"] {
        let mut connection = Connection::open(&https.api.address).unwrap();
        connection.write(&format!("GET /v0/wrpi {version}\r\n\r\n")).unwrap();
        let answer = connection.read(true).unwrap();
        assert_eq!(answer.status, 400, "{version}");
        assert!(answer.body.ends_with(r#","error_code":"bad_request"}"#), "{}", answer.body);
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
}

#[test]
fn tells_a_client_that_sends_plain_http_to_the_tls_port_in_words() {
    let https = Https::start(&[]);
    let mut connection = Connection::open(&https.address).unwrap();
    connection.write("GET /v0/wrpi HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    let answer = connection.read(true).unwrap();
    assert_eq!((answer.status, answer.body.contains("HTTPS only")), (400, true), "{}", answer.body);
    assert!(answer.header("date").is_some());
    assert!(connection.is_closed());
    drop(connection);
    assert_eq!(https.get(&mut https.open()).body, BODY);
}
