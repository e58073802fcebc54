//! Refuses requests that `hyper` accepts but that a proxy may parse differently (request smuggling).

use std::net::Ipv6Addr;

use http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Request, Version};
use hyper::body::Body;

use crate::error::ApiError;

/// Refuses a request with an invalid host, without one over HTTP/1.1, or with two (RFC 9112, section 3.2, and RFC 9113,
/// section 8.3.1). Refuses any request with `Transfer-Encoding`: no request needs a body, and `hyper` hides a
/// `Content-Length` beside it.
pub(crate) fn check<B>(request: &Request<B>) -> Result<(), ApiError> {
    let headers = request.headers();
    if !has_valid_host(request) {
        return Err(ApiError::BadHost);
    }
    if headers.contains_key(TRANSFER_ENCODING) { Err(ApiError::UnwantedBody) } else { Ok(()) }
}

/// Whether the connection must end after the response. The API does not read bodies, so the next bytes could be the
/// rest of one. HTTP/2 frames its bodies and is not affected.
pub(crate) fn ends_connection<B: Body>(request: &Request<B>) -> bool {
    request.version() < Version::HTTP_2
        && (!request.body().is_end_stream() || request.headers().contains_key(TRANSFER_ENCODING))
}

/// Announces the end of the connection.
pub(crate) fn close(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
}

fn has_valid_host<B>(request: &Request<B>) -> bool {
    let version = request.version();
    let authority = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    let mut hosts = request.headers().get_all(HOST).iter().map(HeaderValue::as_bytes);
    let is_valid = match (hosts.next(), hosts.next()) {
        (_, Some(_)) => false,
        (None, _) => version != Version::HTTP_11,
        // Over HTTP/1.1, the authority of an absolute target overrides the header (RFC 9112, section 3.2.2).
        (Some(host), _) if version < Version::HTTP_2 => is_host(host),
        (Some(host), _) => is_host(host) && authority.is_none_or(|authority| authority.eq_ignore_ascii_case(host)),
    };
    is_valid && authority.is_none_or(is_host)
}

/// Whether `text` is a host, optionally with a port: an IPv4 address, an IPv6 address in brackets, or a name as in DNS,
/// which may contain underscores. RFC 3986 allows more characters in a name, which no address of the API needs.
fn is_host(text: &[u8]) -> bool {
    if let Some(address) = text.strip_prefix(b"[") {
        let Some(end) = address.iter().position(|byte| *byte == b']') else { return false };
        let is_address = str::from_utf8(&address[..end]).is_ok_and(|address| address.parse::<Ipv6Addr>().is_ok());
        return is_address && is_port(&address[end + 1..]);
    }
    let (mut length, mut last) = (text.len(), b'.');
    for (index, &byte) in text.iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => {}
            b'-' if last != b'.' => {}
            b'.' if last != b'.' && last != b'-' => {}
            b':' => {
                length = index;
                break;
            }
            _ => return false,
        }
        last = byte;
    }
    length > 0 && last != b'-' && is_port(&text[length..])
}

/// Whether `text` is empty, or a colon and a port, which may be empty (RFC 3986, section 3.2.3).
fn is_port(text: &[u8]) -> bool {
    match text.split_first() {
        None => true,
        Some((b':', port)) => {
            port.iter().all(u8::is_ascii_digit)
                && (port.is_empty() || str::from_utf8(port).is_ok_and(|port| port.parse::<u16>().is_ok()))
        }
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use http::uri::Authority;
    use proptest::prelude::*;

    #[test]
    fn accepts_hosts_with_and_without_a_port() {
        for host in "test|test:|test:80|a.b-c.d_e.:65535|127.0.0.1:0|[::1]|[::1]:|[2001:DB8::1]:443\
                     |xn--bcher-kva.example|_dmarc.example|9"
            .split('|')
        {
            assert!(is_host(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn rejects_what_is_not_a_host() {
        for host in "|:|:80|:::|a:b:c|test:99999|test:65536|test:+1|test:80:|test:8o|-..-|-a|a-|a-.b|.|.a\
                     |a..b|a b|a/b|u@h|u:p@h|a%20b|a,b|ü|[|[]|[::1|::1|[::1]80|[::1]]|[g::1]|[::1%25lo]\
                     |[127.0.0.1]|a[::1]|a\t"
            .split('|')
        {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }

    proptest! {
        #[test]
        fn accepts_only_what_other_parsers_read_as_the_same_host(text in "[a-z0-9.:@_\\[\\]%/-]{0,12}") {
            if is_host(text.as_bytes()) {
                let authority = Authority::try_from(text.as_str()).unwrap();
                prop_assert!(text.starts_with(authority.host()) && !authority.host().is_empty());
                let rest = &text[authority.host().len()..];
                prop_assert!(rest.is_empty() || rest == ":" || authority.port_u16().is_some(), "{}", rest);
            }
        }
    }
}
