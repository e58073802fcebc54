//! An API over HTTPS, clients of it, and what must be so of its answers.

use std::net::TcpStream;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, StreamOwned, SupportedProtocolVersion,
};
use wrpi_test::{Authority, Connection, PATIENCE, Pair, Redis, Response, basic, send};

use crate::api::{Api, BODY, TIMESTAMP, VALUE};
use crate::secret::Secret;

pub(crate) const HOST: &str = "wrpi.example";
const HSTS: &str = "strict-transport-security";

/// An API with a certificate for [`HOST`] in a mounted Secret.
pub(crate) struct Https {
    pub(crate) api: Api,
    pub(crate) address: String,
    pub(crate) authority: Authority,
    pub(crate) pair: Pair,
    pub(crate) secret: Secret,
    pub(crate) redis: Redis,
}

impl Https {
    /// Starts it, with further variables; it serves [`BODY`].
    pub(crate) fn start(more: &[(&str, &str)]) -> Self {
        let authority = Authority::new();
        let pair = authority.issue(HOST);
        let secret = Secret::mount(&pair);
        let redis = Redis::start();
        redis.write(VALUE, TIMESTAMP);
        let (certificate, key) = (secret.path("tls.crt"), secret.path("tls.key"));
        let tls = [("TLS_CERT_FILE", &*certificate), ("TLS_KEY_FILE", &key), ("TLS_LISTEN_ADDR", "127.0.0.1:0")];
        let mut api = Api::follow(&redis, &[&tls, more].concat());
        api.becomes_ready();
        Self { address: api.service.address("tls"), api, authority, pair, secret, redis }
    }

    /// A client that trusts the authority, speaks `versions` of TLS and offers `protocols` by ALPN.
    pub(crate) fn client(&self, versions: &[&'static SupportedProtocolVersion], protocols: &[&str]) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority.pem().as_bytes()).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_protocol_versions(versions).unwrap().with_root_certificates(roots);
        let mut client = builder.with_no_client_auth();
        client.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        client
    }

    /// Connects, with the handshake done.
    pub(crate) fn connect(&self, client: ClientConfig) -> StreamOwned<ClientConnection, TcpStream> {
        let mut tcp = TcpStream::connect(&self.address).unwrap();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut tls = ClientConnection::new(Arc::new(client), HOST.try_into().unwrap()).unwrap();
        tls.complete_io(&mut tcp).unwrap();
        StreamOwned::new(tls, tcp)
    }

    /// Connects for HTTP/1.1.
    pub(crate) fn open(&self) -> Connection {
        Connection::over(self.connect(self.client(&[&TLS13], &["http/1.1"])))
    }

    /// Connects for HTTP/2.
    pub(crate) fn open_http2(&self) -> StreamOwned<ClientConnection, TcpStream> {
        let stream = self.connect(self.client(&[&TLS13], &["h2"]));
        assert_eq!(stream.conn.alpn_protocol(), Some(&b"h2"[..]));
        stream
    }

    /// Where the plain listener redirects a request for `host`.
    fn redirect(&self, host: &str) -> String {
        let mut connection = Connection::open(&self.api.address).unwrap();
        connection.write(&format!("GET /v0/wrpi HTTP/1.1\r\nHost: {host}\r\n\r\n")).unwrap();
        connection.read(true).unwrap().header("location").unwrap().to_owned()
    }

    /// GET with the right password on `connection`.
    pub(crate) fn get(&self, connection: &mut Connection) -> Response {
        let credentials = basic(&format!("any:{}", self.api.password));
        connection.request("GET", "/v0/wrpi", &[("Authorization", &credentials)]).unwrap()
    }
}

#[test]
fn tls_1_2_and_1_3_are_spoken_and_the_client_s_choice_of_protocol_is_taken() {
    let https = Https::start(&[]);
    for (version, name) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        for (offered, taken) in [
            (&["http/1.1"][..], Some("http/1.1")),
            (&[], None),
            (&["h2", "http/1.1"], Some("h2")),
            (&["h2"], Some("h2")),
        ] {
            let stream = https.connect(https.client(&[version], offered));
            assert_eq!(stream.conn.protocol_version(), Some(name));
            assert_eq!(stream.conn.alpn_protocol(), taken.map(str::as_bytes), "{offered:?}");
            if taken != Some("h2") {
                let answer = https.get(&mut Connection::over(stream));
                assert_eq!((answer.status, answer.body.as_str()), (200, BODY));
            }
        }
    }
}

#[test]
fn answers_over_tls_and_only_they_tell_browsers_to_stay_with_it() {
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
fn the_plain_listener_leads_to_https_but_for_what_load_balancers_probe() {
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
        // As HAProxy probes: HTTP/1.0, without a Host.
        let mut connection = Connection::open(&https.api.address).unwrap();
        connection.write(&format!("{method} / HTTP/1.0\r\n\r\n")).unwrap();
        assert_eq!(connection.read(method != "HEAD").unwrap().status, status);
    }
}

#[test]
fn https_may_be_elsewhere_than_on_443_and_need_not_be_forever() {
    let https = Https::start(&[("HSTS_MAX_AGE", "0")]);
    let port = https.address.rsplit(':').next().unwrap();
    assert_eq!(https.redirect("wrpi.example:8080"), format!("https://wrpi.example:{port}/v0/wrpi"));
    assert_eq!(https.get(&mut https.open()).header(HSTS), None);

    let https = Https::start(&[("HSTS_MAX_AGE", "60"), ("HTTPS_PORT", "4443")]);
    assert_eq!(https.redirect("[2001:db8::1]:8080"), "https://[2001:db8::1]:4443/v0/wrpi");
    assert_eq!(https.get(&mut https.open()).header(HSTS), Some("max-age=60"));
}

#[test]
fn without_a_host_there_is_nowhere_to_lead_to() {
    let https = Https::start(&[]);
    let mut connection = Connection::open(&https.api.address).unwrap();
    connection.write("GET /v0/wrpi HTTP/1.1\r\n\r\n").unwrap();
    let answer = connection.read(true).unwrap();
    assert_eq!(answer.status, 400);
    assert!(answer.body.ends_with(r#","error_code":"bad_request"}"#), "{}", answer.body);
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
}
