//! The client's IP address, by which wrong passwords are counted.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Once;

use http::header::{AUTHORIZATION, COOKIE, FORWARDED, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderName};
use tracing::warn;

/// The longest value in a log line, in bytes.
const LONGEST_LOGGED: usize = 100;
/// Only the first request without an address is logged, of each kind: a client must not be able to fill the log.
static MISSING: Once = Once::new();
static UNPARSABLE: Once = Once::new();

/// Where the address of a client comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientIpSource {
    /// The peer of the connection. Correct only without a proxy in front.
    Connection,
    /// A header that the proxy in front sets, and the position of the address in it, counted from the right, starting
    /// at 1: the client itself may have sent addresses further left. Quotes, brackets, a zone and a port are ignored. If
    /// there is no address, the connection's is used. `Forwarded` is parsed as RFC 7239 defines it.
    Header(HeaderName, usize),
}

impl ClientIpSource {
    /// Parses `connection`, `HEADER` or `HEADER:POSITION`, such as `x-real-ip` or `x-forwarded-for:2`. The maximum
    /// position is 100, since a higher one is most likely a typing error. A header that holds a secret is refused, because
    /// values without an address are logged.
    pub fn parse(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("connection") {
            return Some(Self::Connection);
        }
        let (name, position) = text.split_once(':').unwrap_or((text, "1"));
        let position = position.parse().ok().filter(|position| (1..=100).contains(position))?;
        let name: HeaderName = name.parse().ok()?;
        (![AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION].contains(&name)).then_some(Self::Header(name, position))
    }

    /// The address that identifies a client. For IPv6 it is the /64 prefix, since one client has the whole prefix. Logs
    /// the first request in which the header has no address.
    pub(super) fn client(&self, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
        let address = match self {
            Self::Connection => None,
            Self::Header(name, position) => header_address(headers, name, *position),
        };
        match address.unwrap_or(peer).to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
            address => address,
        }
    }
}

fn header_address(headers: &HeaderMap, name: &HeaderName, position: usize) -> Option<IpAddr> {
    // Parses bytes from the right, so that nothing that a client sends can hide what the proxy has added.
    let values = headers.get_all(name).iter().rev().map(http::HeaderValue::as_bytes);
    let is_forwarded = name == FORWARDED;
    let hop = if is_forwarded {
        values.flat_map(|value| rsplit(value, b',')).nth(position - 1)
    } else {
        values.flat_map(|value| value.rsplit(|byte| *byte == b',')).nth(position - 1)
    };
    let node = if is_forwarded { hop.and_then(forwarded_for) } else { hop };
    let address = node.and_then(address);
    if address.is_none() {
        let first = if hop.is_some() { &UNPARSABLE } else { &MISSING };
        first.call_once(|| {
            let value = hop.map(|hop| String::from_utf8_lossy(&hop[..hop.len().min(LONGEST_LOGGED)]));
            warn!(
                header = %name,
                position,
                value = value.map(tracing::field::debug),
                "no client address in the header that CLIENT_IP_SOURCE names; wrong passwords of all such clients are \
                 counted together, by the address of the connection"
            );
        });
    }
    address
}

/// The node of a hop of `Forwarded` (RFC 7239): `for=192.0.2.1;proto=https`, or `for="[2001:db8::1]:4711"`.
fn forwarded_for(hop: &[u8]) -> Option<&[u8]> {
    rsplit(hop, b';').find_map(|pair| {
        let (name, node) = pair.trim_ascii().split_at_checked(4)?;
        name.eq_ignore_ascii_case(b"for=").then_some(node)
    })
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

/// Parses an address as RFC 7239 and proxies write it: perhaps in quotes or brackets, with a zone, or with a port.
fn address(node: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(node.trim_ascii()).ok()?;
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        // More than one colon: an IPv6 address without a port.
        None => text.find(':').filter(|at| !text[at + 1..].contains(':')).map_or((text, ""), |at| text.split_at(at)),
    };
    let host = match host.split_once('%') {
        Some((address, zone)) if address.contains(':') && !zone.is_empty() => address,
        _ => host,
    };
    if is_port(port) { host.parse().ok() } else { None }
}

/// Whether `text` is empty, or a colon and a port, or an obfuscated port such as `:_a` (RFC 7239, section 6).
fn is_port(text: &str) -> bool {
    let Some(port) = text.strip_prefix(':') else { return text.is_empty() };
    let is_obfuscated = |port: &str| port.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    port.parse::<u16>().is_ok() || port.strip_prefix('_').is_some_and(is_obfuscated)
}

#[cfg(test)]
mod tests;
