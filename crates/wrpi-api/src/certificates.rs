//! The certificate of the TLS listener: the last valid pair of its two files.

pub(crate) mod reload;

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use wrpi_core::certificates::{Certificate, CertificateError, Pair};

/// The paths of a certificate chain (the server's certificate first) and its key, and the last valid pair.
#[derive(Clone, Debug)]
pub struct Certificates {
    chain: PathBuf,
    key: PathBuf,
    current: Arc<Current>,
}

#[derive(Debug)]
struct Current(ArcSwap<(Pair, Certificate)>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load().1.key.clone())
    }
}

impl Certificates {
    /// Reads the files. A certificate that has expired is accepted: clients may not check that, and the plain listener
    /// must not fail with it.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or is not PEM, when the key is of a kind that is not supported, or when it does not
    /// belong to the certificate. The error does not show the key.
    pub fn load(chain: PathBuf, key: PathBuf) -> Result<Self, CertificateError> {
        let pair = Pair::read(&chain, &key)?;
        let certificate = pair.parse()?;
        Ok(Self { chain, key, current: Arc::new(Current(ArcSwap::from_pointee((pair, certificate)))) })
    }

    /// Gives each TLS handshake the current certificate.
    pub(crate) fn resolver(&self) -> Arc<dyn ResolvesServerCert> {
        self.current.clone()
    }

    /// When the current certificate expires, in seconds since 1970.
    pub(crate) fn expires_at(&self) -> i64 {
        self.current.0.load().1.expires_at()
    }

    /// Checks that the current certificate is valid at `now`, in seconds since 1970.
    ///
    /// # Errors
    ///
    /// When it has expired or is not valid yet.
    pub(crate) fn check_time(&self, now: i64) -> Result<(), CertificateError> {
        self.current.0.load().1.check_time(now)
    }

    /// Reads the files again, and switches to the new pair if they have changed. Returns whether they have.
    ///
    /// # Errors
    ///
    /// Like [`Certificates::load`], or when the new certificate has expired or is not valid yet at `now`, in seconds
    /// since 1970. The old pair stays in use.
    pub(crate) fn reload(&self, now: i64) -> Result<bool, CertificateError> {
        let pair = Pair::read(&self.chain, &self.key)?;
        if pair == self.current.0.load().0 {
            return Ok(false);
        }
        let certificate = pair.parse()?;
        certificate.check_time(now)?;
        self.current.0.store(Arc::new((pair, certificate)));
        Ok(true)
    }
}
