//! HTTP/2 frame by frame (RFC 9113), to send what no library sends.

use std::io::{Read, Write};

use wrpi_test::basic;

/// Types of frames (section 6).
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
/// Flags of HEADERS.
pub(crate) const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// Settings: how many streams may be open at once, and how many bytes may be sent on a stream.
const MAX_CONCURRENT_STREAMS: u8 = 3;
const INITIAL_WINDOW_SIZE: u8 = 4;
/// GET, https and / as entries of the static table, and an authority (RFC 7541).
pub(crate) const INDEX: &[u8] = b"\x82\x87\x84\x41\x04test";

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The first bytes of a client.
pub(crate) fn opening() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", frame(SETTINGS, 0, 0, &[]).as_slice()].concat()
}

/// Begins a connection and returns the number of concurrent streams that the server accepts.
pub(crate) fn begin(stream: &mut (impl Read + Write)) -> u32 {
    stream.write_all(&opening()).unwrap();
    let settings = next(SETTINGS, stream).unwrap();
    let mut settings = settings.chunks(6).filter(|setting| setting[..2] == [0, MAX_CONCURRENT_STREAMS]);
    let max = settings.next().expect("the server limits the streams of a connection");
    u32::from_be_bytes(max[2..].try_into().unwrap())
}

/// Allows `size` bytes on each stream.
pub(crate) fn window(size: u32) -> Vec<u8> {
    frame(SETTINGS, 0, 0, &[&[0, INITIAL_WINDOW_SIZE], size.to_be_bytes().as_slice()].concat())
}

/// The IDs of a client's first `count` streams.
pub(crate) fn streams(count: u32) -> impl Iterator<Item = u32> {
    (0..count).map(|n| 2 * n + 1)
}

/// A request with these header fields and no body.
pub(crate) fn get(stream: u32, fields: &[u8]) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, fields)
}

/// The header fields of a GET of `path` with `password`.
pub(crate) fn authorized(path: &str, password: &str) -> Vec<u8> {
    let literal = |name: &[u8], value: &str| [name, &[u8::try_from(value.len()).unwrap()], value.as_bytes()].concat();
    let credentials = basic(&format!("any:{password}"));
    [b"\x82\x87\x41\x04test", literal(b"\x04", path).as_slice(), &literal(b"\x0f\x08", &credentials)].concat()
}

/// A header field that the server does not remember (RFC 7541, section 6.2.2).
pub(crate) fn field(name: &str, value: &str) -> Vec<u8> {
    let text = |text: &str| {
        let length = text.len();
        let length = match length.checked_sub(127) {
            None => vec![u8::try_from(length).unwrap()],
            // An integer of three bytes (section 5.1). Values in tests are shorter than 16 KiB.
            Some(rest) => vec![127, u8::try_from(rest % 128).unwrap() | 128, u8::try_from(rest / 128).unwrap()],
        };
        [length.as_slice(), text.as_bytes()].concat()
    };
    [b"\0".as_slice(), &text(name), &text(value)].concat()
}

/// The payload of the next frame of `kind`.
pub(crate) fn next(kind: u8, from: &mut impl Read) -> std::io::Result<Vec<u8>> {
    Ok(next_of(&[kind], from)?.1)
}

/// The type and the payload of the next frame of one of the `kinds`.
pub(crate) fn next_of(kinds: &[u8], from: &mut impl Read) -> std::io::Result<(u8, Vec<u8>)> {
    loop {
        let mut head = [0; 9];
        from.read_exact(&mut head)?;
        let [length @ .., found, _, _, _, _, _] = head;
        let [high, middle, low] = length;
        let mut payload = vec![0; u32::from_be_bytes([0, high, middle, low]).try_into().unwrap()];
        from.read_exact(&mut payload)?;
        if kinds.contains(&found) {
            return Ok((found, payload));
        }
    }
}

/// Requests from stream `first` on that are cancelled at once (CVE-2023-44487).
pub(crate) fn rapid_reset(first: u32) -> Vec<u8> {
    let cancel = |stream| frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
    streams(2_000)
        .skip_while(|stream| *stream < first)
        .flat_map(|stream| [get(stream, INDEX), cancel(stream)].concat())
        .collect()
}

/// A head that never ends (CVE-2024-27316).
pub(crate) fn endless_head(stream: u32) -> Vec<u8> {
    let more = frame(CONTINUATION, 0, stream, &field("x", &"x".repeat(100)).repeat(100));
    [frame(HEADERS, END_STREAM, stream, INDEX), more.repeat(8)].concat()
}

/// As many concurrent requests as the server accepts, whose responses it may not send.
pub(crate) fn requests_without_window(max_streams: u32) -> Vec<u8> {
    [window(0), requests(max_streams, INDEX)].concat()
}

/// `count` concurrent requests.
pub(crate) fn requests(count: u32, fields: &[u8]) -> Vec<u8> {
    streams(count).flat_map(|stream| get(stream, fields)).collect()
}

/// Sends the `frames` for the number of streams that the server accepts, and waits for the code with which the server
/// ends the connection.
pub(crate) fn code_of_end(mut stream: impl Read + Write, frames: impl Fn(u32) -> Vec<u8>) -> u8 {
    let max_streams = begin(&mut stream);
    // The server may end the connection before it has read everything.
    let _ended_early = stream.write_all(&frames(max_streams));
    let payload = next(GOAWAY, &mut stream).unwrap();
    let _rest = stream.read_to_end(&mut Vec::new());
    payload[7]
}
