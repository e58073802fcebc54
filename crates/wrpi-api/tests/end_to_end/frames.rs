//! HTTP/2 frame by frame (RFC 9113), to send what no library would.

use std::io::{Read, Write};

use wrpi_test::basic;

/// Types of frames (section 6).
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const CONTINUATION: u8 = 9;
/// Flags of HEADERS.
pub(crate) const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// Settings: how many streams may be open at once, and how much may be sent on a stream unasked.
const MAX_CONCURRENT_STREAMS: u8 = 3;
const INITIAL_WINDOW_SIZE: u8 = 4;
/// GET, https, / by their numbers, and an authority (RFC 7541).
pub(crate) const INDEX: &[u8] = b"\x82\x87\x84\x41\x04test";

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// What a client begins with.
pub(crate) fn opening() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", frame(SETTINGS, 0, 0, &[]).as_slice()].concat()
}

/// Begins a connection, and gives how many streams the server accepts on it at once.
pub(crate) fn begin(stream: &mut (impl Read + Write)) -> u32 {
    stream.write_all(&opening()).unwrap();
    let settings = next(SETTINGS, stream).unwrap();
    let mut settings = settings.chunks(6).filter(|setting| setting[..2] == [0, MAX_CONCURRENT_STREAMS]);
    let max = settings.next().expect("the server limits the streams of a connection");
    u32::from_be_bytes(max[2..].try_into().unwrap())
}

/// Allows so many bytes on each stream unasked.
pub(crate) fn window(size: u32) -> Vec<u8> {
    frame(SETTINGS, 0, 0, &[&[0, INITIAL_WINDOW_SIZE], size.to_be_bytes().as_slice()].concat())
}

/// The numbers of a client's streams.
pub(crate) fn streams(count: u32) -> impl Iterator<Item = u32> {
    (0..count).map(|n| 2 * n + 1)
}

/// A whole request with these header fields.
pub(crate) fn get(stream: u32, fields: &[u8]) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, fields)
}

/// The header fields of a GET of `path` with a password.
pub(crate) fn authorized(path: &str, password: &str) -> Vec<u8> {
    let literal = |name: &[u8], value: &str| [name, &[u8::try_from(value.len()).unwrap()], value.as_bytes()].concat();
    let credentials = basic(&format!("any:{password}"));
    [b"\x82\x87\x41\x04test", literal(b"\x04", path).as_slice(), &literal(b"\x0f\x08", &credentials)].concat()
}

/// The payload of the next frame of this kind.
pub(crate) fn next(kind: u8, from: &mut impl Read) -> std::io::Result<Vec<u8>> {
    loop {
        let mut head = [0; 9];
        from.read_exact(&mut head)?;
        let [length @ .., found, _, _, _, _, _] = head;
        let [high, middle, low] = length;
        let mut payload = vec![0; u32::from_be_bytes([0, high, middle, low]).try_into().unwrap()];
        from.read_exact(&mut payload)?;
        if found == kind {
            return Ok(payload);
        }
    }
}
