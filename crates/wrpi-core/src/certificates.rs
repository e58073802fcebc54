//! Certificates and their keys in PEM files: read as one consistent pair, and checked before anything uses them.

mod pem;

use std::path::Path;
use std::sync::Arc;

use chrono::DateTime;
use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::CertifiedKey;
use secrecy::{ExposeSecret, SecretSlice};
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_NIST_EC_P521, OID_PKCS1_RSAENCRYPTION,
    OID_SIG_ED25519, Oid,
};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::{SubjectPublicKeyInfo, X509Version};

use pem::Kind;

/// Maximum attempts to read a consistent pair while the files change.
const READS: usize = 5;
/// Allowed sizes of RSA keys in bits: `ring` signs with no other.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// The files that [`Pair::parse`] accepts.
pub const ALLOWED: &str = "PEM files of a certificate chain (X.509 version 3) and of its unencrypted key: RSA of 2048 to \
                           4096 bits, ECDSA P-256 or P-384, or Ed25519";

/// What is wrong with a file, in one line. It shows nothing of a key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CertificateError(String);

/// The contents of a certificate file and of the file of its key.
#[derive(Debug)]
pub struct Pair {
    chain: Vec<u8>,
    key: SecretSlice<u8>,
}

/// A valid pair.
#[derive(Debug)]
pub struct Certificate {
    /// The chain and its key, ready for handshakes.
    pub key: Arc<CertifiedKey>,
    /// When the certificate becomes valid, in seconds since 1970.
    valid_from: i64,
    /// When the certificate expires, in seconds since 1970.
    expires_at: i64,
}

impl Certificate {
    /// When the certificate expires, in seconds since 1970.
    pub fn expires_at(&self) -> i64 {
        self.expires_at
    }

    /// Checks that the certificate is valid at `now`, in seconds since 1970.
    ///
    /// # Errors
    ///
    /// When it has expired or is not valid yet.
    pub fn check_time(&self, now: i64) -> Result<(), CertificateError> {
        let date = |seconds| {
            DateTime::from_timestamp(seconds, 0).map_or_else(String::new, |at| at.format("%FT%TZ").to_string())
        };
        if now >= self.expires_at {
            return Err(CertificateError(format!("the certificate expired at {}", date(self.expires_at))));
        }
        if now < self.valid_from {
            return Err(CertificateError(format!("the certificate is valid only from {}", date(self.valid_from))));
        }
        Ok(())
    }
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.chain == other.chain && self.key() == other.key()
    }
}

impl Pair {
    /// Reads both files. Kubernetes may replace a mounted Secret between the two reads, so the certificate is read
    /// again until it is the same before and after the key.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, or when the certificate differs each time.
    pub fn read(chain_path: &Path, key_path: &Path) -> Result<Self, CertificateError> {
        let mut chain = read(chain_path)?;
        for _ in 0..READS {
            let key = read(key_path)?.into();
            let again = read(chain_path)?;
            if again == chain {
                return Ok(Self { chain, key });
            }
            chain = again;
        }
        Err(CertificateError(format!("{chain_path:?} changes while it is read")))
    }

    /// The certificates as PEM, the owner's first.
    pub fn chain(&self) -> &[u8] {
        &self.chain
    }

    /// The key as PEM.
    pub fn key(&self) -> &[u8] {
        self.key.expose_secret()
    }

    /// Parses both files, whatever the time: see [`Certificate::check_time`].
    ///
    /// # Errors
    ///
    /// When a file does not hold what [`ALLOWED`] says, or when the key does not belong to the certificate.
    pub fn parse(&self) -> Result<Certificate, CertificateError> {
        let wrong = |wrong: String| CertificateError(format!("the certificate file {wrong}"));
        let chain = pem::certificates(&self.chain).map_err(wrong)?;
        let (_, first) = x509_parser::parse_x509_certificate(&chain[0])
            .map_err(|error| wrong(format!("holds a certificate that is not X.509: {error}")))?;
        if first.version() != X509Version::V3 {
            return Err(wrong(format!("holds a certificate of X.509 version {}", first.version().0 + 1)));
        }
        check_key(first.public_key()).map_err(|kind| wrong(format!("holds a certificate whose key is {kind}")))?;
        let (valid_from, expires_at) =
            (first.validity().not_before.timestamp(), first.validity().not_after.timestamp());
        let wrong = |wrong: &str| CertificateError(format!("the key file {wrong}"));
        pem::expect(self.key(), Kind::Key).map_err(|what| wrong(&what))?;
        let key = PrivateKeyDer::from_pem_slice(self.key());
        let key = key.map_err(|error| wrong(&format!("holds a damaged key: {error}")))?;
        let provider = ring::default_provider();
        let key = provider.key_provider.load_private_key(key);
        let key = key.map_err(|_| wrong("holds a damaged key, or one of a kind that is not allowed"))?;
        let key = CertifiedKey::new(chain, key);
        // The certificate has been parsed above, so only the keys can differ.
        key.keys_match().map_err(|_| wrong("holds a key that does not belong to the certificate"))?;
        Ok(Certificate { key: Arc::new(key), valid_from, expires_at })
    }
}

/// Reads a PEM file of certificate authorities.
///
/// # Errors
///
/// When the file cannot be read, holds no certificate in PEM, or holds one that cannot be trusted.
pub fn read_authorities(path: &Path) -> Result<Vec<u8>, CertificateError> {
    let file = read(path)?;
    let wrong = |wrong: String| CertificateError(format!("{path:?} {wrong}"));
    let mut trusted = RootCertStore::empty();
    for certificate in pem::certificates(&file).map_err(wrong)? {
        trusted.add(certificate).map_err(|_| wrong("holds a certificate that is not X.509".to_owned()))?;
    }
    Ok(file)
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    std::fs::read(path).map_err(|error| CertificateError(format!("{path:?}: {error}")))
}

/// Checks that a key of this kind can sign handshakes. The error is the kind.
fn check_key(key: &SubjectPublicKeyInfo<'_>) -> Result<(), String> {
    let algorithm = &key.algorithm.algorithm;
    let is = |oid: Oid<'_>| *algorithm == oid;
    if is(OID_SIG_ED25519) {
        return Ok(());
    }
    if is(OID_PKCS1_RSAENCRYPTION) {
        let Ok(PublicKey::RSA(key)) = key.parsed() else { return Err("damaged".to_owned()) };
        let bits = key.key_size();
        return if RSA_BITS.contains(&bits) { Ok(()) } else { Err(format!("RSA of {bits} bits")) };
    }
    if is(OID_KEY_TYPE_EC_PUBLIC_KEY) {
        let curve = key.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
        return match curve {
            Some(curve) if curve == OID_EC_P256 || curve == OID_NIST_EC_P384 => Ok(()),
            Some(curve) if curve == OID_NIST_EC_P521 => Err("ECDSA P-521".to_owned()),
            Some(curve) => Err(format!("ECDSA with the curve {curve}")),
            None => Err("ECDSA with a curve of its own".to_owned()),
        };
    }
    Err(format!("of the kind {algorithm}"))
}

#[cfg(test)]
mod tests;
