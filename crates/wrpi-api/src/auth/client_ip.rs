//! The client's IP address, by which wrong passwords are counted.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::header::FORWARDED;
use http::{HeaderMap, HeaderName};

/// Where the address of a client comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientIpSource {
    /// The peer of the connection. Correct only without a proxy in front.
    Connection,
    /// A header that the proxy in front sets, and the position of the address in it, counted from the right, starting
    /// at 1: the client itself may have sent addresses further left. A port after the address is ignored. If there is
    /// no address, the connection's is used. `Forwarded` is parsed as RFC 7239 defines it.
    Header(HeaderName, usize),
}

impl ClientIpSource {
    /// Parses `connection`, `HEADER` or `HEADER:POSITION`, such as `x-real-ip` or `x-forwarded-for:2`. The maximum
    /// position is 100, since a higher one is most likely a typing error.
    pub fn parse(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("connection") {
            return Some(Self::Connection);
        }
        let (name, position) = text.split_once(':').unwrap_or((text, "1"));
        let position = position.parse().ok().filter(|position| (1..=100).contains(position))?;
        Some(Self::Header(name.parse().ok()?, position))
    }

    /// The address that identifies a client. For IPv6 it is the /64 prefix, since one client has the whole prefix.
    pub(crate) fn client(&self, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
        let address = match self {
            Self::Connection => None,
            Self::Header(name, position) => nth_from_right(headers, name, *position),
        };
        match address.unwrap_or(peer).to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
            address => address,
        }
    }
}

fn nth_from_right(headers: &HeaderMap, name: &HeaderName, position: usize) -> Option<IpAddr> {
    // Parses bytes from the right, so that nothing that a client sends can hide what the proxy has added.
    let values = headers.get_all(name).iter().rev().map(http::HeaderValue::as_bytes);
    if name == FORWARDED {
        return values.flat_map(|value| rsplit(value, b',')).nth(position - 1).and_then(forwarded_for);
    }
    values.flat_map(|value| value.rsplit(|byte| *byte == b',')).nth(position - 1).and_then(address)
}

/// The address of a hop of `Forwarded` (RFC 7239): `for=192.0.2.1;proto=https`, or `for="[2001:db8::1]:4711"`.
fn forwarded_for(hop: &[u8]) -> Option<IpAddr> {
    let node = rsplit(hop, b';').find_map(|pair| {
        let (name, node) = pair.trim_ascii().split_at_checked(4)?;
        name.eq_ignore_ascii_case(b"for=").then_some(node)
    })?;
    address(node.strip_prefix(b"\"").and_then(|node| node.strip_suffix(b"\"")).unwrap_or(node))
}

/// The parts of `text` between `separator`s outside of quotes, last one first. It scans quotes from the right, so a
/// quote that a client left open does not affect the hops that proxies have appended.
fn rsplit(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let is_escaped = |at: usize| text[..at].iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1;
        let mut is_quoted = false;
        let split = (0..text.len()).rev().find(|at| {
            is_quoted ^= text[*at] == b'"' && !is_escaped(*at);
            text[*at] == separator && !is_quoted
        });
        rest = split.map(|at| &text[..at]);
        Some(&text[split.map_or(0, |at| at + 1)..])
    })
}

/// Parses an address, with or without brackets and a port.
fn address(text: &[u8]) -> Option<IpAddr> {
    let address = std::str::from_utf8(text.trim_ascii()).ok()?;
    let bare = address.strip_prefix('[').and_then(|address| address.strip_suffix(']')).unwrap_or(address);
    bare.parse().ok().or_else(|| address.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_address_only_from_the_configured_source() {
        let mut headers = HeaderMap::new();
        for value in ["192.0.2.9", "192.0.2.1, 198.51.100.7 ", "203.0.113.5"] {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        headers.append("x-real-ip", "2001:db8:1:2:3:4:5:6".parse().unwrap());
        headers.append("rubbish", "rubbish".parse().unwrap());
        headers.append("spoiled", http::HeaderValue::from_bytes(b"\xc3\xa9, 198.51.100.7").unwrap());
        headers.append("with-port", "192.0.2.1:4711, [2001:db8::1]:4711, [2001:db8::1]".parse().unwrap());
        for (source, client) in [
            ("connection", "127.0.0.1"),
            ("x-forwarded-for", "203.0.113.5"),
            ("x-forwarded-for:2", "198.51.100.7"),
            ("x-forwarded-for:4", "192.0.2.9"),
            ("x-forwarded-for:5", "127.0.0.1"),
            ("X-Real-IP", "2001:db8:1:2::"),
            ("rubbish", "127.0.0.1"),
            ("absent", "127.0.0.1"),
            ("spoiled", "198.51.100.7"),
            ("spoiled:2", "127.0.0.1"),
            ("with-port", "2001:db8::"),
            ("with-port:2", "2001:db8::"),
            ("with-port:3", "192.0.2.1"),
            ("Connection", "127.0.0.1"),
        ] {
            let source = ClientIpSource::parse(source).unwrap();
            assert_eq!(source.client(&headers, "127.0.0.1".parse().unwrap()).to_string(), client, "{source:?}");
        }
        let mapped = ClientIpSource::Connection.client(&headers, "::ffff:192.0.2.1".parse().unwrap());
        assert_eq!(mapped.to_string(), "192.0.2.1");
    }

    #[test]
    fn parses_forwarded_whatever_the_client_sends_in_it() {
        for (value, client) in [
            ("for=192.0.2.1", "192.0.2.1"),
            ("For=192.0.2.1;proto=https;by=203.0.113.43", "192.0.2.1"),
            ("proto=https; FOR=\"192.0.2.1:4711\" ", "192.0.2.1"),
            ("for=192.0.2.9, for=192.0.2.1", "192.0.2.1"),
            ("for=\"[2001:db8::1]:4711\"", "2001:db8::"),
            ("for=\"[2001:db8::1]\";host=\"a;for=192.0.2.9,for=192.0.2.9\"", "2001:db8::"),
            (r#"for=192.0.2.1;host="a\",for=192.0.2.9;for=192.0.2.9\\""#, "192.0.2.1"),
            // The client sent an unclosed quote, or an escape at its end.
            ("for=\", for=192.0.2.1", "192.0.2.1"),
            ("for=\"\\, for=\"192.0.2.1\"", "192.0.2.1"),
            ("for=unknown", "127.0.0.1"),
            ("for=_hidden, for=\"_SEVKISEK\"", "127.0.0.1"),
            ("by=192.0.2.1", "127.0.0.1"),
            ("xfor=192.0.2.1", "127.0.0.1"),
            ("192.0.2.1", "127.0.0.1"),
            ("for=\"192.0.2.1", "127.0.0.1"),
            ("", "127.0.0.1"),
            (",", "127.0.0.1"),
        ] {
            let headers = HeaderMap::from_iter([(FORWARDED, value.parse().unwrap())]);
            let source = ClientIpSource::parse("forwarded").unwrap();
            assert_eq!(source.client(&headers, "127.0.0.1".parse().unwrap()).to_string(), client, "{value}");
        }
        let mut headers = HeaderMap::new();
        for value in ["for=192.0.2.3, for=192.0.2.2;by=\"a,b\"", "for=192.0.2.1"] {
            headers.append(FORWARDED, value.parse().unwrap());
        }
        for (position, client) in [(1, "192.0.2.1"), (2, "192.0.2.2"), (3, "192.0.2.3"), (4, "127.0.0.1")] {
            let source = ClientIpSource::parse(&format!("Forwarded:{position}")).unwrap();
            assert_eq!(source.client(&headers, "127.0.0.1".parse().unwrap()).to_string(), client);
        }
    }

    #[test]
    fn rejects_invalid_header_names_and_positions() {
        for text in [
            "",
            "x forwarded",
            "x-forwarded-for:0",
            "x-forwarded-for:",
            "x-forwarded-for:last",
            "x-forwarded-for:101",
            "x-forwarded-for:-1",
            "a:b:1",
        ] {
            assert_eq!(ClientIpSource::parse(text), None, "{text}");
        }
    }
}
