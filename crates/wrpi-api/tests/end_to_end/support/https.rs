//! An API over HTTPS, and its clients.

use std::net::TcpStream;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};
use wrpi_test::{Api, Authority, Connection, Pair, Redis, Response, TIMESTAMP, VALUE, eventually};

use super::secret::Secret;
use super::socket;

pub(crate) const HOST: &str = "wrpi.example";
pub(crate) const HSTS: &str = "strict-transport-security";
/// The log's message about a bad new certificate.
pub(crate) const REFUSAL: &str = "new certificate refused, the old one stays in use";

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
    /// Starts it with further variables; it serves [`wrpi_test::BODY`].
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

    /// Connects and completes the handshake.
    pub(crate) fn connect(&self, client: ClientConfig) -> StreamOwned<ClientConnection, TcpStream> {
        self.connect_over(socket::connect(&self.address), client)
    }

    /// Completes the handshake on `tcp`.
    pub(crate) fn connect_over(
        &self,
        mut tcp: TcpStream,
        client: ClientConfig,
    ) -> StreamOwned<ClientConnection, TcpStream> {
        let mut tls = ClientConnection::new(Arc::new(client), HOST.try_into().unwrap()).unwrap();
        tls.complete_io(&mut tcp).unwrap();
        StreamOwned::new(tls, tcp)
    }

    /// Connects for HTTP/1.1.
    pub(crate) fn connect_http1(&self) -> StreamOwned<ClientConnection, TcpStream> {
        self.connect(self.client(&[&TLS13], &["http/1.1"]))
    }

    /// Connects for HTTP/2.
    pub(crate) fn connect_http2(&self) -> StreamOwned<ClientConnection, TcpStream> {
        let stream = self.connect(self.client(&[&TLS13], &["h2"]));
        assert_eq!(stream.conn.alpn_protocol(), Some(&b"h2"[..]));
        stream
    }

    /// Opens a connection for requests with HTTP/1.1.
    pub(crate) fn open(&self) -> Connection {
        Connection::over(self.connect_http1())
    }

    /// GET with the right password on `connection`.
    pub(crate) fn get(&self, connection: &mut Connection) -> Response {
        connection.request("GET", "/v0/wrpi", &[("Authorization", &self.api.credentials())]).unwrap()
    }

    /// Where the plain listener redirects a request for `host`.
    pub(crate) fn redirect(&self, host: &str) -> String {
        let mut connection = Connection::open(&self.api.address).unwrap();
        connection.write(&format!("GET /v0/wrpi HTTP/1.1\r\nHost: {host}\r\n\r\n")).unwrap();
        connection.read(true).unwrap().header("location").unwrap().to_owned()
    }

    /// Whether a new connection gets the certificate of `pair`.
    pub(crate) fn presents(&self, pair: &Pair) -> bool {
        let stream = self.connect_http1();
        let presented = stream.conn.peer_certificates().unwrap();
        presented == [CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap()]
    }

    /// Waits until a metric has `value`.
    pub(crate) fn has_metric(&self, name: &str, value: &str) {
        eventually(|| self.api.metrics(), |metrics| metrics.contains(&format!("\n{name} {value}\n")));
    }
}
