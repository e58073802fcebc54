//! The certificate of the TLS listener, read again when its files change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use arc_swap::ArcSwap;
use prometheus::{IntCounterVec, IntGauge, Opts, Registry};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tracing::{info, warn};
use x509_parser::parse_x509_certificate;

/// How often the files are compared with what was read. A mounted Secret changes by the swap of a symbolic link, far
/// above them: only their content tells.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// After how many checks in a row files that cannot be read are a failure.
const UNREAD_CHECKS: u32 = 3;

/// The content of the certificate's file and of the key's.
type Content = (Vec<u8>, Vec<u8>);

/// A certificate chain (the server's own first) and its key, both PEM files, and what they held last that was good.
#[derive(Clone, Debug)]
pub struct Certificates {
    chain: PathBuf,
    key: PathBuf,
    current: Arc<Current>,
}

#[derive(Debug)]
struct Current(ArcSwap<Certificate>);

#[derive(Debug)]
struct Certificate {
    content: Content,
    key: Arc<CertifiedKey>,
    /// Seconds since 1970.
    expires_at: i64,
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load().key.clone())
    }
}

fn read(chain: &Path, key: &Path) -> anyhow::Result<Content> {
    let read = |path: &Path| std::fs::read(path).with_context(|| format!("{path:?}"));
    Ok((read(chain)?, read(key)?))
}

impl Certificate {
    fn parse(content: Content) -> anyhow::Result<Self> {
        let (cert, key) = &content;
        let chain = CertificateDer::pem_slice_iter(cert).collect::<Result<Vec<_>, _>>().context("the certificate")?;
        let first = chain.first().context("the certificate's file has no certificate")?;
        let (_, parsed) = parse_x509_certificate(first).context("the certificate")?;
        let expires_at = parsed.validity().not_after.timestamp();
        let key = PrivateKeyDer::from_pem_slice(key).context("the key")?;
        let key = CertifiedKey::from_der(chain, key, &ring::default_provider()).context("certificate and key")?;
        Ok(Self { content, key: Arc::new(key), expires_at })
    }
}

impl Certificates {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// When one of them cannot be read, is not PEM, or the key is not the certificate's. No key is shown.
    pub fn load(chain: PathBuf, key: PathBuf) -> anyhow::Result<Self> {
        let certificate = Certificate::parse(read(&chain, &key)?)?;
        Ok(Self { chain, key, current: Arc::new(Current(ArcSwap::from_pointee(certificate))) })
    }

    /// Accepts TLS 1.2 and 1.3, and HTTP/2 or HTTP/1.1 in it, always with the current certificate.
    pub(super) fn acceptor(&self) -> anyhow::Result<TlsAcceptor> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(self.current.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Follows the files, for ever: a good new pair is used for new connections; a bad one, or one that
    /// stays unreadable, is logged once, counted, and the old one stays.
    ///
    /// # Errors
    ///
    /// When `registry` has metrics of the same names already.
    pub(super) async fn follow(&self, registry: &Registry) -> anyhow::Result<()> {
        let metrics = Metrics::register(registry)?;
        metrics.expires_at.set(self.current.0.load().expires_at);
        let (mut refused, mut unread) = (None, 0);
        loop {
            sleep(CHECK_INTERVAL).await;
            let content = match read(&self.chain, &self.key) {
                Ok(content) => content,
                // It may be in the middle of a change.
                Err(error) => {
                    unread += 1;
                    if unread == UNREAD_CHECKS {
                        warn!(error = format!("{error:#}"), "certificate cannot be read, the old one stays");
                        metrics.reloads.with_label_values(&["failed"]).inc();
                    }
                    continue;
                }
            };
            unread = 0;
            if content == self.current.0.load().content || refused.as_ref() == Some(&content) {
                continue;
            }
            match Certificate::parse(content.clone()).and_then(still_valid) {
                Ok(certificate) => {
                    let expires_at = certificate.expires_at;
                    self.current.0.store(Arc::new(certificate));
                    info!(expires_at, "certificate changed");
                    metrics.expires_at.set(expires_at);
                    metrics.reloads.with_label_values(&["ok"]).inc();
                    refused = None;
                }
                Err(error) => {
                    warn!(error = format!("{error:#}"), "new certificate refused, the old one stays");
                    metrics.reloads.with_label_values(&["failed"]).inc();
                    refused = Some(content);
                }
            }
        }
    }
}

fn still_valid(certificate: Certificate) -> anyhow::Result<Certificate> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    ensure!(certificate.expires_at > now.as_secs().try_into()?, "expired at {}", certificate.expires_at);
    Ok(certificate)
}

/// What is counted of certificates.
#[derive(Debug)]
struct Metrics {
    expires_at: IntGauge,
    reloads: IntCounterVec,
}

impl Metrics {
    fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            expires_at: IntGauge::new(
                "wrpi_tls_certificate_expiry_timestamp_seconds",
                "When the certificate in use expires, in seconds since 1970.",
            )?,
            reloads: IntCounterVec::new(
                Opts::new("wrpi_tls_reloads_total", "New certificates found in the files, by what became of them."),
                &["result"],
            )?,
        };
        registry.register(Box::new(metrics.expires_at.clone()))?;
        registry.register(Box::new(metrics.reloads.clone()))?;
        for result in ["ok", "failed"] {
            metrics.reloads.with_label_values(&[result]);
        }
        Ok(metrics)
    }
}
