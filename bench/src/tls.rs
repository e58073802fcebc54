//! The cost of TLS: the CPU time of a handshake, and the memory of idle connections.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::version::TLS13;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned};
use wrpi_test::{Api, Connection, PATIENCE, resident_bytes};

use crate::machine::Cores;
use crate::system::{HOST, System};
use crate::target::{Target, read_until};

/// Number of open connections.
const CONNECTIONS: usize = 2_000;

type Tls = StreamOwned<ClientConnection, TcpStream>;

/// Opens `count` connections, each with a TLS 1.3 handshake of this `kind` and one request. Returns the server's CPU
/// time per connection, in microseconds.
pub(crate) fn handshakes(system: &System, target: &Target, kind: HandshakeKind, count: u32) -> Result<f64> {
    let client = client(system, "http/1.1", kind)?;
    let ask = |expected| {
        let tls = connect(target.port, &client)?;
        let found = tls.conn.handshake_kind();
        ensure!(found == Some(expected), "{}: the handshake was {found:?}, not {expected:?}", target.name);
        target.ask(&mut Connection::over(tls))
    };
    Cores::pinned(system.cores.load, || {
        ask(HandshakeKind::Full)?;
        let before = target.cpu_time();
        for _ in 0..count {
            ask(kind)?;
        }
        Ok((target.cpu_time() - before).as_secs_f64() * 1e6 / f64::from(count))
    })
}

/// Bytes of the API's resident memory per idle connection, after a response on each: HTTP/1.1, then HTTP/2.
pub(crate) fn memory(system: &System) -> Result<[f64; 2]> {
    let each = |protocol, ask: &dyn Fn(&mut Tls, &Target) -> Result<()>| -> Result<f64> {
        let mut api = system.api()?;
        let target = system.target("wrpi-api", tls_port(&mut api)?, Vec::new());
        let client = client(system, protocol, HandshakeKind::Full)?;
        let open = |_| -> Result<Tls> {
            let mut tls = connect(target.port, &client)?;
            ask(&mut tls, &target)?;
            Ok(tls)
        };
        let _first = open(0)?;
        let before = resident_bytes(api.service.id());
        let _kept = (0..CONNECTIONS).map(open).collect::<Result<Vec<_>>>()?;
        Ok((resident_bytes(api.service.id()) - before) as f64 / CONNECTIONS as f64)
    };
    Ok([each("http/1.1", &ask_http1)?, each("h2", &ask_http2)?])
}

/// The port of the API's TLS listener.
pub(crate) fn tls_port(api: &mut Api) -> Result<u16> {
    let address = api.service.address("tls");
    Ok(address.rsplit_once(':').context("the address has no port")?.1.parse()?)
}

fn client(system: &System, protocol: &str, kind: HandshakeKind) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(system.authority.pem().as_bytes())?)?;
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let mut client = builder.with_protocol_versions(&[&TLS13])?.with_root_certificates(roots).with_no_client_auth();
    client.alpn_protocols = vec![protocol.into()];
    if kind == HandshakeKind::Full {
        client.resumption = Resumption::disabled();
    }
    Ok(Arc::new(client))
}

/// Connects and completes the handshake.
fn connect(port: u16, client: &Arc<ClientConfig>) -> Result<Tls> {
    let mut tcp = TcpStream::connect(("127.0.0.1", port))?;
    tcp.set_nodelay(true)?;
    tcp.set_read_timeout(Some(PATIENCE))?;
    let mut tls = ClientConnection::new(client.clone(), HOST.try_into()?)?;
    tls.complete_io(&mut tcp)?;
    Ok(StreamOwned::new(tls, tcp))
}

fn ask_http1(tls: &mut Tls, target: &Target) -> Result<()> {
    tls.write_all(&target.request())?;
    read_until(&target.body, tls).map(drop)
}

/// Sends a request over HTTP/2 (RFC 9113) and reads the response. RFC 7541 defines the encoding of the header fields.
fn ask_http2(tls: &mut Tls, target: &Target) -> Result<()> {
    const SETTINGS: u8 = 4;
    const HEADERS: u8 = 1;
    const ACK: u8 = 1;
    const END_STREAM_AND_HEADERS: u8 = 5;
    let frame = |kind, flags, stream, payload: &[u8]| -> Result<Vec<u8>> {
        Ok([&[0, 0, u8::try_from(payload.len())?, kind, flags, 0, 0, 0, stream][..], payload].concat())
    };
    let mut fields = b"\x82\x87".to_vec(); // GET, https
    let authorization = target.headers.iter().map(|(_, value)| (&b"\x0f\x08"[..], value.as_str()));
    for (name, value) in [(&b"\x04"[..], target.path), (&b"\x01"[..], HOST)].into_iter().chain(authorization) {
        fields.extend_from_slice(name);
        fields.push(value.len().try_into()?);
        fields.extend_from_slice(value.as_bytes());
    }
    tls.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")?;
    tls.write_all(&[frame(SETTINGS, 0, 0, &[])?, frame(HEADERS, END_STREAM_AND_HEADERS, 1, &fields)?].concat())?;
    read_until(&target.body, tls)?;
    Ok(tls.write_all(&frame(SETTINGS, ACK, 0, &[])?)?)
}
