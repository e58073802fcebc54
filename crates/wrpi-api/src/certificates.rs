//! The certificate of the TLS listener and its key: two PEM files, read as one consistent pair.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};
use arc_swap::ArcSwap;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use x509_parser::parse_x509_certificate;

/// Maximum attempts to read a consistent pair while the files change.
const READS: usize = 5;

/// The contents of the certificate file and of the key file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    chain: Vec<u8>,
    key: Vec<u8>,
}

/// A parsed and valid pair.
#[derive(Debug)]
struct Certificate {
    pair: Pair,
    key: Arc<CertifiedKey>,
    /// Seconds since 1970.
    expires_at: i64,
}

/// The paths of a certificate chain (the server's certificate first) and its key, and the last valid pair.
#[derive(Clone, Debug)]
pub struct Certificates {
    chain: PathBuf,
    key: PathBuf,
    current: Arc<Current>,
}

#[derive(Debug)]
struct Current(ArcSwap<Certificate>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load().key.clone())
    }
}

impl Pair {
    /// Reads both files. Kubernetes may replace a mounted Secret between the two reads, so the certificate is read
    /// again until it is the same before and after the key.
    fn read(chain_path: &Path, key_path: &Path) -> anyhow::Result<Self> {
        let read = |path: &Path| std::fs::read(path).with_context(|| format!("{path:?}"));
        let mut chain = read(chain_path)?;
        for _ in 0..READS {
            let key = read(key_path)?;
            let again = read(chain_path)?;
            if again == chain {
                return Ok(Self { chain, key });
            }
            chain = again;
        }
        anyhow::bail!("{chain_path:?} changes while it is read")
    }

    fn parse(self) -> anyhow::Result<Certificate> {
        let chain = CertificateDer::pem_slice_iter(&self.chain).collect::<Result<Vec<_>, _>>();
        let chain = chain.context("the certificate")?;
        let first = chain.first().context("the certificate file contains no certificate")?;
        let (_, parsed) = parse_x509_certificate(first).context("the certificate")?;
        let expires_at = parsed.validity().not_after.timestamp();
        let key = PrivateKeyDer::from_pem_slice(&self.key).context("the key")?;
        let key = CertifiedKey::from_der(chain, key, &ring::default_provider()).context("certificate and key")?;
        Ok(Certificate { pair: self, key: Arc::new(key), expires_at })
    }
}

impl Certificates {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or is not PEM, or when the key does not belong to the certificate. The error does not
    /// show the key.
    pub fn load(chain: PathBuf, key: PathBuf) -> anyhow::Result<Self> {
        let certificate = Pair::read(&chain, &key)?.parse()?;
        Ok(Self { chain, key, current: Arc::new(Current(ArcSwap::from_pointee(certificate))) })
    }

    /// Gives each TLS handshake the current certificate.
    pub(crate) fn resolver(&self) -> Arc<dyn ResolvesServerCert> {
        self.current.clone()
    }

    /// When the current certificate expires, in seconds since 1970.
    pub(crate) fn expires_at(&self) -> i64 {
        self.current.0.load().expires_at
    }

    /// Reads the files again, and switches to the new pair if they have changed. Returns whether they have.
    ///
    /// # Errors
    ///
    /// Like [`Certificates::load`], or when the new certificate has expired at `now`, in seconds since 1970. The old
    /// pair stays in use.
    pub(crate) fn reload(&self, now: i64) -> anyhow::Result<bool> {
        let pair = Pair::read(&self.chain, &self.key)?;
        if pair == self.current.0.load().pair {
            return Ok(false);
        }
        let certificate = pair.parse()?;
        ensure!(certificate.expires_at > now, "expired at {} seconds since 1970", certificate.expires_at);
        self.current.0.store(Arc::new(certificate));
        Ok(true)
    }
}
