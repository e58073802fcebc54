//! Clients without the password send what makes libraries log.

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use wrpi_test::{Authority, Flood, Pair, eventually};

use crate::outcome::Outcome;
use crate::scene::{Scene, Setup};

const HOST: &str = "wrpi.test";
/// Sessions a second. The machine also serves the load.
const RATE: u32 = 20;
/// The API ends a connection that has sent more without the password.
const SESSION: usize = 32 * 1024;
/// The client's first bytes: the preface and empty SETTINGS.
const OPENING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// A PING frame with ACK, which answers no PING: `h2` logs a warning.
const PING_ACK: &[u8] = b"\0\0\x08\x06\x01\0\0\0\0any data";
/// Maximum new lines in the log.
const MAX_LINES: usize = 5;

/// HTTP/2 clients without the password send PING frames with ACK. The log must not grow with them, and must contain the
/// line about an invalid reading that is written meanwhile. Recovery is the time from then until the next reading is
/// served.
pub(super) fn flooded(lasts: Duration) -> Outcome {
    let (directory, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let environment = tls_environment(directory.path(), &authority.issue(HOST));
    let mut scene = Scene::start(Setup { environment, ..Setup::default() });
    let service = &mut scene.apis[0].service;
    let (address, before) = (service.address("tls"), service.output().len());
    let client = Arc::new(client(&authority));
    let flood = Flood::of_sessions(move || send(&address, &client), RATE);
    sleep(lasts / 2);
    scene.redis.write("invalid", "invalid");
    let written = Instant::now();
    scene.apis[0].service.logged_after(before, "reading rejected, keeping the last good one");
    let recovery = scene.recovery(written);
    sleep(lasts / 2);
    let enough = u64::from(RATE) * lasts.as_secs() / 2;
    eventually(|| flood.opened(), |opened| *opened >= enough);
    flood.stop();
    let api = &scene.apis[0];
    assert_eq!(api.metric("wrpi_log_lines_dropped_total"), "0");
    let lines = api.service.output().split_off(before);
    assert!(lines.len() <= MAX_LINES, "{} new lines: {:#?}", lines.len(), &lines[..MAX_LINES]);
    scene.end(recovery)
}

fn tls_environment(directory: &Path, pair: &Pair) -> Vec<(&'static str, String)> {
    let file = |name: &str, content: &str| {
        let path = directory.join(name);
        std::fs::write(&path, content).unwrap();
        path.into_os_string().into_string().unwrap()
    };
    vec![
        ("TLS_CERT_FILE", file("certificate", &pair.certificate)),
        ("TLS_KEY_FILE", file("key", &pair.key)),
        ("TLS_LISTEN_ADDR", "127.0.0.1:0".into()),
        ("PLAIN_HTTP", "serve".into()),
    ]
}

/// A client that trusts `authority` and speaks HTTP/2.
fn client(authority: &Authority) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let mut client = builder.with_no_client_auth();
    client.alpn_protocols = vec![b"h2".to_vec()];
    client
}

/// Sends one session of frames, and leaves the connection open.
fn send(address: &str, client: &Arc<ClientConfig>) -> std::io::Result<TcpStream> {
    let session = ClientConnection::new(client.clone(), HOST.try_into().unwrap()).unwrap();
    let mut stream = StreamOwned::new(session, TcpStream::connect(address)?);
    stream.write_all(&[OPENING, &PING_ACK.repeat(SESSION / PING_ACK.len())].concat())?;
    stream.flush()?;
    Ok(stream.sock)
}
