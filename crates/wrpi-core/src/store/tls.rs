//! Encryption of the connection to the store: which certificates are trusted, and which one is presented.

use std::path::PathBuf;

use redis::{Client, ClientTlsConfig, ConnectionInfo, RedisResult, TlsCertificates};

use crate::certificates::{self, CertificateError, Pair};
use crate::settings::{Reader, ValueParser};

/// Encryption of the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// No encryption.
    Off,
    /// TLS with these files.
    On(TlsFiles),
}

/// The files that TLS uses. They are read again for each connection, so they can be renewed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate authorities to trust, in PEM; `None`: the public ones.
    pub authorities: Option<PathBuf>,
    /// Whether to accept a certificate for another name than the server's.
    pub any_name: bool,
    /// The certificate chain to present to the server, and its key, in PEM.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

impl Tls {
    /// Reads the settings.
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let known = reader.problems();
        let is_on = reader.value("REDIS_TLS", "false", ValueParser::switch(), "Connect over TLS.");
        let meaning = "PEM file of the certificate authorities to trust for Redis. Read at each connection.";
        let authorities =
            reader.optional("REDIS_CA_FILE", "public certificate authorities", &ValueParser::path(), meaning);
        let meaning = "Do not check that the certificate matches `REDIS_HOST` (needed for Google's Memorystore).";
        let any_name = reader.value("REDIS_TLS_ANY_NAME", "false", ValueParser::switch(), meaning);
        let meaning = "PEM file of the client certificate chain, if Redis asks for one. Read at each connection.";
        let chain = reader.optional("REDIS_CERT_FILE", "no client certificate", &ValueParser::path(), meaning);
        let meaning = "PEM file of the private key of `REDIS_CERT_FILE`.";
        let key = reader.optional("REDIS_KEY_FILE", "no client certificate", &ValueParser::path(), meaning);
        if reader.problems() > known {
            return Self::Off;
        }
        let (has_authorities, has_certificate) = (authorities.is_some(), chain.is_some() || key.is_some());
        if any_name && !has_authorities {
            // Anyone can get a certificate for some name from a public authority.
            reader.reject("REDIS_TLS_ANY_NAME", "is \"true\"", "only with REDIS_CA_FILE");
        }
        if !is_on {
            if has_authorities {
                reader.reject("REDIS_CA_FILE", "is set", "only with REDIS_TLS=true");
            }
            if has_certificate {
                reader.reject(CERTIFICATE, "are set", "only with REDIS_TLS=true");
            }
            return Self::Off;
        }
        if chain.is_some() != key.is_some() {
            reader.reject(CERTIFICATE, "are not both set", "both or neither");
        }
        let files = TlsFiles { authorities, any_name, certificate: chain.zip(key) };
        if let Err(error) = files.authorities() {
            reader.reject("REDIS_CA_FILE:", &error.to_string(), "a PEM file of CA certificates");
        }
        if let Err(error) = files.certificate() {
            reader.reject(&format!("{CERTIFICATE}:"), &error.to_string(), certificates::ALLOWED);
        }
        Self::On(files)
    }

    /// Whether the server gets no certificate over TLS.
    pub(super) fn is_anonymous(&self) -> bool {
        matches!(self, Self::On(TlsFiles { certificate: None, .. }))
    }

    /// A client that connects to `server` in this way.
    pub(super) fn client(&self, server: ConnectionInfo) -> RedisResult<Client> {
        let Self::On(files) = self else { return Client::open(server) };
        let root_cert = files.authorities().map_err(std::io::Error::other)?;
        let client_tls = files.certificate().map_err(std::io::Error::other)?;
        let server = Client::build_with_tls(server, TlsCertificates { client_tls, root_cert })?;
        let server = server.get_connection_info().clone();
        let mut address = server.addr().clone();
        address.set_danger_accept_invalid_hostnames(files.any_name);
        Client::open(server.set_addr(address))
    }
}

const CERTIFICATE: &str = "REDIS_CERT_FILE and REDIS_KEY_FILE";

impl TlsFiles {
    fn authorities(&self) -> Result<Option<Vec<u8>>, CertificateError> {
        self.authorities.as_deref().map(certificates::read_authorities).transpose()
    }

    fn certificate(&self) -> Result<Option<ClientTlsConfig>, CertificateError> {
        let Some((chain, key)) = &self.certificate else { return Ok(None) };
        let pair = Pair::read(chain, key)?;
        pair.parse()?;
        Ok(Some(ClientTlsConfig { client_cert: pair.chain().to_vec(), client_key: pair.key().to_vec() }))
    }
}
