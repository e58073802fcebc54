//! Why a TLS handshake with the store has failed. The words of `rustls` name its types, and not what to do.

use std::io;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use redis::RedisError;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

use crate::certificates;

/// What is wrong, and what is allowed, in one line. `None` if the error is not one of TLS or of its files.
pub(super) fn explain(error: &RedisError) -> Option<String> {
    let source = inner(error)?;
    if let Some(error) = source.downcast_ref::<certificates::CertificateError>() {
        return Some(error.to_string());
    }
    Some(match source.downcast_ref()? {
        Error::InvalidCertificate(error) => format!("the server's certificate is refused: {}", certificate(error)),
        Error::AlertReceived(alert) => alert_of_server(*alert),
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "this port does not speak TLS: set REDIS_TLS=false, or REDIS_PORT to the port for TLS".to_owned()
        }
        other => other.to_string(),
    })
}

/// The error that `redis` and `tokio` have wrapped.
pub(super) fn inner(cause: &RedisError) -> Option<&(dyn std::error::Error + Send + Sync + 'static)> {
    // `redis` shares its source.
    let source = std::error::Error::source(cause)?.downcast_ref::<Arc<dyn std::error::Error + Send + Sync>>()?;
    source.downcast_ref::<io::Error>()?.get_ref()
}

fn certificate(error: &CertificateError) -> String {
    use CertificateError as E;
    let message = match error {
        E::ExpiredContext { not_after, .. } => return format!("it expired at {}", date(not_after.as_secs())),
        E::NotValidYetContext { not_before, .. } => {
            return format!("it is valid only from {}; is the clock right?", date(not_before.as_secs()));
        }
        E::NotValidForNameContext { expected, presented } => {
            let names = presented.iter().map(|name| bare(name)).collect::<Vec<_>>().join(", ");
            let names =
                if names.is_empty() { "it has no subjectAltName".to_owned() } else { format!("it is for {names}") };
            return format!("{names}, but REDIS_HOST is {}", expected.to_str());
        }
        E::Other(other) => match other.0.downcast_ref() {
            Some(webpki::Error::CaUsedAsEndEntity) => {
                "it is the certificate of an authority (CA:TRUE), which no server may use; allowed: a certificate with \
                 CA:FALSE, as docs/redis.md shows"
            }
            Some(webpki::Error::UnsupportedCertVersion) => {
                "it is X.509 version 1; allowed: version 3, as docs/redis.md shows"
            }
            _ => return error.to_string(),
        },
        E::Expired => "it has expired",
        E::UnknownIssuer => {
            "REDIS_CA_FILE, or without it the public authorities, do not contain the authority that issued it"
        }
        E::BadSignature => {
            "it is not signed by the authority of this name in REDIS_CA_FILE, or that key is RSA below 2048 bits"
        }
        E::UnsupportedSignatureAlgorithmContext { .. } | E::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "its signature is of a kind that is not allowed, such as ECDSA P-521 or SHA-1; allowed: RSA of 2048 bits or \
             more, ECDSA P-256 or P-384 with SHA-256 or SHA-384, or Ed25519"
        }
        E::InvalidPurposeContext { .. } => "its extended key usage does not allow servers (serverAuth)",
        E::BadEncoding => "it is damaged",
        _ => return error.to_string(),
    };
    message.to_owned()
}

fn alert_of_server(alert: AlertDescription) -> String {
    use AlertDescription as A;
    match alert {
        A::CertificateRequired => {
            "the server requires a client certificate: set REDIS_CERT_FILE and REDIS_KEY_FILE".to_owned()
        }
        A::HandshakeFailure => "the server refused the handshake: its key is of a kind that is not allowed, such as \
                                ECDSA P-521 (allowed: RSA of 2048 bits or more, ECDSA P-256 or P-384, or Ed25519), or \
                                it requires a client certificate (REDIS_CERT_FILE and REDIS_KEY_FILE)"
            .to_owned(),
        A::ProtocolVersion => "the server does not speak TLS 1.2 or 1.3".to_owned(),
        A::BadCertificate
        | A::UnsupportedCertificate
        | A::CertificateRevoked
        | A::CertificateExpired
        | A::CertificateUnknown
        | A::UnknownCA
        | A::DecryptError => format!("the server refused the certificate in REDIS_CERT_FILE: {}", reason(alert)),
        other => format!("the server ended the TLS connection: {other:?}"),
    }
}

fn reason(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::UnknownCA => "it does not trust the authority that issued it (tls-ca-cert-file)".to_owned(),
        AlertDescription::CertificateExpired => "it has expired".to_owned(),
        other => format!("{other:?}"),
    }
}

fn date(seconds: u64) -> String {
    let date = i64::try_from(seconds).ok().and_then(|seconds| DateTime::<Utc>::from_timestamp(seconds, 0));
    date.map_or_else(|| format!("{seconds} seconds since 1970"), |date| date.format("%FT%TZ").to_string())
}

/// The name in `DnsName("redis.example")` or `IpAddress(10.0.0.1)`, as `rustls` writes a name of a certificate.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, inner)| inner.strip_suffix(')'));
    inner.map_or(name, |inner| inner.trim_matches('"'))
}
