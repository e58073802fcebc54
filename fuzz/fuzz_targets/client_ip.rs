//! The headers that proxies add: the API uses the address that the proxy appends, whatever the client sends.
#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use wrpi_api::{ClientIpSource, fuzzing::client};

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fuzz_target!(|input: (Vec<u8>, u32, bool, bool)| {
    let (sent, address, is_forwarded, is_one_value) = input;
    let (name, hop) = if is_forwarded { ("forwarded", "for=") } else { ("x-forwarded-for", "") };
    let address = IpAddr::V4(Ipv4Addr::from_bits(address));
    let (name, source) = (HeaderName::from_static(name), ClientIpSource::parse(name).unwrap());
    let added = format!("{hop}{address}");
    let Ok(client_value) = HeaderValue::from_bytes(&sent) else { return };
    let mut headers = HeaderMap::new();
    if is_one_value {
        let joined = [&sent[..], b", ", added.as_bytes()].concat();
        headers.insert(name, HeaderValue::from_bytes(&joined).unwrap());
    } else {
        headers.append(name.clone(), client_value);
        headers.append(name, HeaderValue::try_from(added).unwrap());
    }
    assert_eq!(client(&source, &headers, PEER), address);
});
