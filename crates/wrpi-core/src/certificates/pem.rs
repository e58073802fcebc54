//! The sections of a PEM file, and what a file that is none holds instead.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// What a file must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Certificate,
    Key,
}

/// All certificates of a PEM file, at least one. The error completes "the file …".
pub(super) fn certificates(file: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    expect(file, Kind::Certificate)?;
    let certificates = CertificateDer::pem_slice_iter(file).collect::<Result<Vec<_>, _>>();
    certificates.map_err(|error| format!("holds a damaged certificate: {error}"))
}

/// Checks that the file has a section of this kind. The error completes "the file …".
pub(super) fn expect(file: &[u8], kind: Kind) -> Result<(), String> {
    let labels: Vec<_> = labels(file).collect();
    // Old keys say it in a header: "Proc-Type: 4,ENCRYPTED".
    let is_encrypted = || file.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"Proc-Type: 4,ENCRYPTED"));
    match kind {
        Kind::Certificate if labels.contains(&"CERTIFICATE") => return Ok(()),
        Kind::Key if labels.contains(&"ENCRYPTED PRIVATE KEY") || is_encrypted() => {
            return Err("holds an encrypted key".to_owned());
        }
        Kind::Key if ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"].iter().any(|key| labels.contains(key)) => {
            return Ok(());
        }
        _ => {}
    }
    let (wanted, other) = match kind {
        Kind::Certificate => ("certificate", "PRIVATE KEY"),
        Kind::Key => ("key", "CERTIFICATE"),
    };
    Err(match *labels {
        [] if file.is_empty() => "is empty".to_owned(),
        // A sequence of ASN.1.
        [] if file.starts_with(&[0x30]) => "is DER or PKCS#12, not PEM".to_owned(),
        [] => "is not PEM".to_owned(),
        [label, ..] if label.ends_with(other) => {
            format!("holds no {wanted}, but a {}: the files may be swapped", label.to_lowercase())
        }
        [label, ..] => format!("holds no {wanted}, but {label:?}"),
    })
}

/// The labels of the sections: what stands after BEGIN.
fn labels(file: &[u8]) -> impl Iterator<Item = &str> {
    let lines = file.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
    lines.filter_map(|line| line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----"))
}
