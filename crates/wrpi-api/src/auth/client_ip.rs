//! Whose request it is: the address that guesses of the password are counted by.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::{HeaderMap, HeaderName};

/// Where the address of a client comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientIpSource {
    /// The connection's other end: right where no proxy stands in front.
    Connection,
    /// A header that the proxy in front sets, and the position of the address in it, counted from the right (from
    /// 1): what stands further left may come from the client itself. The connection's where there is no address.
    /// A port behind the address does not matter.
    Header(HeaderName, usize),
}

impl ClientIpSource {
    /// Reads `connection`, or `HEADER` or `HEADER:POSITION`, such as `x-real-ip` or `x-forwarded-for:2`.
    pub fn parse(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("connection") {
            return Some(Self::Connection);
        }
        let (name, position) = text.split_once(':').unwrap_or((text, "1"));
        let position = position.parse().ok().filter(|position| *position > 0)?;
        Some(Self::Header(name.parse().ok()?, position))
    }

    /// The address by which a client is known: IPv6 by its /64, which one client has all of.
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
    // In bytes: whatever else a client has put into the header must not hide what the proxy has added.
    let mut values = headers.get_all(name).iter().rev().flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','));
    let address = std::str::from_utf8(values.nth(position - 1)?.trim_ascii()).ok()?;
    let bare = address.strip_prefix('[').and_then(|address| address.strip_suffix(']')).unwrap_or(address);
    bare.parse().ok().or_else(|| address.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_known_by_what_the_declared_proxy_says_and_by_nothing_else() {
        let mut headers = HeaderMap::new();
        for value in ["192.0.2.9", "192.0.2.1, 198.51.100.7 ", "203.0.113.5"] {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        headers.append("x-real-ip", "2001:db8:1:2:3:4:5:6".parse().unwrap());
        headers.append("forwarded", "rubbish".parse().unwrap());
        headers.append("spoiled", http::HeaderValue::from_bytes(b"\xc3\xa9, 198.51.100.7").unwrap());
        headers.append("with-port", "192.0.2.1:4711, [2001:db8::1]:4711, [2001:db8::1]".parse().unwrap());
        for (source, client) in [
            ("connection", "127.0.0.1"),
            ("x-forwarded-for", "203.0.113.5"),
            ("x-forwarded-for:2", "198.51.100.7"),
            ("x-forwarded-for:4", "192.0.2.9"),
            ("x-forwarded-for:5", "127.0.0.1"),
            ("X-Real-IP", "2001:db8:1:2::"),
            ("forwarded", "127.0.0.1"),
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
    fn a_source_is_a_header_s_name_and_a_position() {
        for text in ["", "x forwarded", "x-forwarded-for:0", "x-forwarded-for:", "x-forwarded-for:last"] {
            assert_eq!(ClientIpSource::parse(text), None, "{text}");
        }
    }
}
