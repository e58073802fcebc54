//! Which address counts as the client's.

use super::*;

use std::net::Ipv4Addr;

use http::HeaderValue;
use proptest::collection::vec;
use proptest::prelude::*;

#[test]
fn takes_the_address_only_from_the_configured_source() {
    let mut headers = HeaderMap::new();
    for value in ["192.0.2.9", "192.0.2.1, 198.51.100.7 ", "203.0.113.5"] {
        headers.append("x-forwarded-for", value.parse().unwrap());
    }
    headers.append("x-real-ip", "2001:db8:1:2:3:4:5:6".parse().unwrap());
    headers.append("rubbish", "rubbish".parse().unwrap());
    headers.append("spoiled", HeaderValue::from_bytes(b"\xc3\xa9, 198.51.100.7").unwrap());
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
        ("for=\"[fe80::1%eth0]:_port\"", "fe80::"),
        ("for=192.0.2.1:_gazonk", "192.0.2.1"),
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
fn parses_addresses_as_proxies_write_them() {
    for (text, wanted) in [
        ("192.0.2.1", "192.0.2.1"),
        ("\"192.0.2.1\"", "192.0.2.1"),
        (" \"192.0.2.1:4711\" ", "192.0.2.1"),
        ("192.0.2.1:_a.b-c_d", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("\"2001:db8::1\"", "2001:db8::1"),
        ("\"[2001:db8::1]\"", "2001:db8::1"),
        ("[2001:db8::1]:65535", "2001:db8::1"),
        ("[2001:db8::1]:_port", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%25eth0]", "fe80::1"),
        ("\"[fe80::1%3]:80\"", "fe80::1"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
    ] {
        assert_eq!(address(text.as_bytes()).map(|address| address.to_string()).as_deref(), Some(wanted), "{text}");
    }
    for text in "|unknown|_hidden|unix:|unix:/run/proxy.sock|\"192.0.2.1|192.0.2.1\"|\"|192.0.2|192.0.2.1%eth0|fe80::1%\
                 |192.0.2.1:|192.0.2.1:65536|192.0.2.1:a|[2001:db8::1|[2001:db8::1]4711|[2001:db8::1]:|[]|:80|[192.0.2.1\
                 |192.0.2.1 192.0.2.2|localhost"
        .split('|')
    {
        assert_eq!(address(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn rejects_invalid_header_names_and_positions() {
    for text in
        "|x forwarded|x-forwarded-for:0|x-forwarded-for:|x-forwarded-for:last|x-forwarded-for:101|x-forwarded-for:-1\
                 |a:b:1|authorization|Cookie:2|proxy-authorization"
            .split('|')
    {
        assert_eq!(ClientIpSource::parse(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn takes_what_the_proxy_adds_whatever_the_client_sends(
        sent in prop_oneof![vec(prop_oneof![b' '..=b'~', 128_u8..], 0..40), r#"[a-z0-9:.,;="\\ \[\]]{0,40}"#.prop_map(String::into_bytes)],
        address: Ipv4Addr,
        is_forwarded: bool,
        is_one_value: bool,
    ) {
        let name = if is_forwarded { "forwarded" } else { "x-forwarded-for" };
        let source = ClientIpSource::parse(name).unwrap();
        let name = HeaderName::from_static(name);
        let added = if is_forwarded { format!("for={address}") } else { address.to_string() };
        let values = match is_one_value {
            true => vec![[&sent[..], b", ", added.as_bytes()].concat()],
            false => vec![sent, added.into_bytes()],
        };
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name.clone(), HeaderValue::from_bytes(&value).unwrap());
        }
        prop_assert_eq!(source.client(&headers, Ipv4Addr::LOCALHOST.into()), address);
    }
}
