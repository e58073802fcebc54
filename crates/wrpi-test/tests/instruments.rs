//! Tests of the test instruments: the proxy, the load and the flood.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use wrpi_test::{Direction, Flood, Load, PATIENCE, Path, Proxy, eventually, free_port};

/// Serves each connection with `serve` in a new thread. Returns the port.
fn server(serve: fn(TcpStream)) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || listener.incoming().flatten().for_each(|stream| drop(thread::spawn(move || serve(stream)))));
    port
}

fn echo(stream: TcpStream) {
    let _end = std::io::copy(&mut &stream, &mut &stream);
}

/// A connection through `proxy`.
fn client(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends "ping" and returns the reply.
fn ping(mut stream: &TcpStream) -> std::io::Result<String> {
    stream.write_all(b"ping")?;
    read(stream)
}

fn read(mut stream: &TcpStream) -> std::io::Result<String> {
    let mut buffer = [0; 64];
    let length = stream.read(&mut buffer)?;
    Ok(String::from_utf8_lossy(&buffer[..length]).into_owned())
}

/// Whether "ping" gets no reply for 100 ms.
fn is_silent(stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let result = ping(stream);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    result.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

#[test]
fn held_bytes_arrive_once_the_path_is_clear() {
    for direction in [Direction::ToServer, Direction::ToClient] {
        let proxy = Proxy::start(server(echo));
        let stream = client(&proxy);
        assert_eq!(ping(&stream).unwrap(), "ping");
        proxy.set(direction, Path::Held);
        assert!(is_silent(&stream));
        proxy.set(direction, Path::Clear);
        assert_eq!(read(&stream).unwrap(), "ping");
    }
}

#[test]
fn a_connection_that_has_lost_bytes_stays_silent_and_a_new_one_works() {
    for direction in [Direction::ToServer, Direction::ToClient] {
        let proxy = Proxy::start(server(echo));
        let stream = client(&proxy);
        proxy.set(direction, Path::Lost);
        assert!(is_silent(&stream));
        proxy.set(direction, Path::Clear);
        assert!(is_silent(&stream));
        assert_eq!(ping(&client(&proxy)).unwrap(), "ping");
        proxy.silence();
        assert!(is_silent(&stream));
    }
}

#[test]
fn slow_delays_garbage_replaces_and_cut_closes() {
    let proxy = Proxy::start(server(echo));
    let stream = client(&proxy);
    proxy.set(Direction::ToClient, Path::Slow(Duration::from_millis(50)));
    let start = Instant::now();
    assert_eq!(ping(&stream).unwrap(), "ping");
    assert!(start.elapsed() >= Duration::from_millis(50));
    proxy.set(Direction::ToClient, Path::Garbage);
    assert_ne!(ping(&stream).unwrap(), "ping");
    proxy.cut();
    eventually(|| read(&stream).is_ok_and(|end| end.is_empty()), |has_ended| *has_ended);
    proxy.set_both(Path::Clear);
    proxy.set_server(server(|mut stream| stream.write_all(b"other").unwrap()));
    assert_eq!(read(&client(&proxy)).unwrap(), "other");
}

/// Answers with 200, then with 503, and closes the connection.
fn answer_badly(mut stream: TcpStream) {
    let mut request = [0; 1024];
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood",
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    ] {
        if stream.read(&mut request).is_err() || stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

const RATE: u32 = 500;

#[test]
fn a_load_keeps_its_rate_and_records_every_failure() {
    let start = Instant::now();
    let load = Load::start(&[format!("127.0.0.1:{}", server(answer_badly))], "", RATE);
    load.first("good");
    load.good_after(start + Duration::from_millis(500));
    // Requests in flight have not ended yet, and a slow machine may take a while to catch up.
    let in_time = || (load.seen().sent, load.due());
    eventually(in_time, |(sent, due)| *sent > 200 && sent + 50 >= *due);
    let seen = load.stop();
    let due = start.elapsed().as_secs_f64() * f64::from(RATE);
    assert!(seen.sent as f64 <= due + 1.0, "{} sent, {due} due", seen.sent);
    assert_eq!(seen.bodies.keys().collect::<Vec<_>>(), ["good"]);
    let count = |what: &str| seen.failures.iter().filter(|(_, failure)| failure == what).count();
    // Each connection gets one 200 and one 503.
    assert!(count("status 503") > 50 && count("status 503") == seen.failures.len(), "{:?}", seen.failures);
}

#[test]
fn an_incomplete_response_and_a_refused_connection_are_failures() {
    let cut_short = |mut stream: TcpStream| {
        let _request = stream.read(&mut [0; 1024]);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort").unwrap();
    };
    for (port, what) in [(server(cut_short), "no answer: "), (free_port(), "connecting: ")] {
        let load = Load::start(&[format!("127.0.0.1:{port}")], "", 200);
        eventually(|| load.seen().failures.len(), |failed| *failed > 20);
        let seen = load.stop();
        assert_eq!(seen.failures.len() as u64, seen.sent);
        assert!(seen.failures.iter().all(|(_, failure)| failure.starts_with(what)), "{:?}", seen.failures);
    }
}

#[test]
fn a_flood_sends_its_openings_in_turn_at_its_rate() {
    static READ: Mutex<[u64; 2]> = Mutex::new([0; 2]);
    let port = server(|mut stream| {
        // A connection that sends nothing stays open until the flood ends.
        let length = stream.read(&mut [0; 64]).unwrap();
        READ.lock().unwrap()[usize::from(length == 4)] += 1;
    });
    let flood = Flood::of_bytes(&format!("127.0.0.1:{port}"), &[b"ping", b""], 1_000);
    eventually(|| flood.opened(), |opened| *opened > 1_000);
    let flooded = flood.stop();
    assert!(flooded.rate <= 1_001.0, "{flooded:?}");
    let [silent, pings] = eventually(|| *READ.lock().unwrap(), |read| read.iter().sum::<u64>() >= flooded.opened);
    assert!(silent.abs_diff(pings) <= 2, "{silent} silent, {pings} others");
}

#[test]
fn a_flood_holds_at_most_3000_connections_and_replaces_closed_ones() {
    const BOUND: u64 = 3_000;
    static HELD: Mutex<Vec<TcpStream>> = Mutex::new(Vec::new());
    let port = server(|stream| HELD.lock().unwrap().push(stream));
    let began = Instant::now();
    let flood = Flood::of_bytes(&format!("127.0.0.1:{port}"), &[b""], 10_000);
    eventually(|| (flood.opened(), began.elapsed()), |(opened, time)| *opened >= BOUND && time.as_secs() >= 1);
    assert_eq!(flood.opened(), BOUND);
    HELD.lock().unwrap().clear();
    eventually(|| flood.opened(), |opened| *opened > BOUND);
}
