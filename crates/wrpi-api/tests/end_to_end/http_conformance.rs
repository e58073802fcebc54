//! Unusual but valid requests (RFC 9110 and 9112), and what a client can rely on then, over a bare socket.

use std::thread::sleep;
use std::time::Duration;

use wrpi_test::{Api, BODY, Connection, send};

use crate::support::socket::{HIDDEN, exchange, request};

/// A client that waits, longer than the API needs to become idle.
const PAUSE: Duration = Duration::from_millis(300);

#[test]
fn sends_no_header_twice_and_a_date_with_every_response() {
    let (api, _redis) = Api::start(&[]);
    for (method, target, headers, status) in [
        ("GET", "/v0/wrpi", vec![], 200),
        ("HEAD", "/v0/wrpi", vec![], 200),
        ("GET", "/v0/wrpi", vec![("If-None-Match", "*")], 304),
        ("HEAD", "/v0/wrpi/stream", vec![], 200),
        ("GET", "/v0/wrpi/", vec![], 404),
        ("POST", "/v0/wrpi", vec![("Content-Length", "0")], 405),
        ("OPTIONS", "/v0/wrpi", vec![], 204),
        ("GET", "/openapi.json", vec![], 200),
    ] {
        let answer = api.send(method, target, &headers);
        assert_eq!(answer.status, status, "{method} {target}");
        for (name, _) in &answer.headers {
            assert!(answer.header(name).is_some(), "{name}");
        }
        assert!(answer.header("date").unwrap().ends_with(" GMT"));
    }
    assert!(send(&api.address, "GET", "/v0/wrpi", &[]).header("date").is_some());
}

#[test]
fn answers_expect_100_continue_without_waiting_for_the_body() {
    let (api, _redis) = Api::start(&[]);
    let request = "POST /v0/wrpi HTTP/1.1\r\nHost: test\r\nAUTH\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n";
    let mut connection = Connection::open(&api.address).unwrap();
    assert_eq!(exchange(&mut connection, &api, request).status, 405);
    assert!(connection.is_closed(), "the next bytes could be the body");
    let request = "GET /v0/wrpi HTTP/1.1\r\nHost: test\r\nAUTH\r\nExpect: 100-continue\r\n\r\n";
    let answer = exchange(&mut Connection::open(&api.address).unwrap(), &api, request);
    assert_eq!((answer.status, answer.body.as_str()), (200, BODY));
}

#[test]
fn ignores_ranges_preconditions_and_accept_headers() {
    let (api, _redis) = Api::start(&[]);
    for header in [
        ("Range", "bytes=0-3"),
        ("Range", "bytes=1000-"),
        ("Accept", "text/html"),
        ("Accept", "application/json;q=0"),
        ("Accept-Encoding", "br, identity;q=0"),
        ("If-Match", "\"other\""),
    ] {
        let answer = api.send("GET", "/v0/wrpi", &[header]);
        assert_eq!((answer.status, answer.body.as_str()), (200, BODY), "{header:?}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        for absent in ["content-range", "accept-ranges", "content-encoding"] {
            assert_eq!(answer.header(absent), None, "{header:?}");
        }
    }
}

#[test]
fn compares_paths_byte_by_byte_and_ignores_queries() {
    let (api, _redis) = Api::start(&[]);
    for (target, status) in [
        ("/v0/wrpi", 200),
        ("/v0/wrpi?", 200),
        ("/v0/wrpi?value=%00&value", 200),
        ("/v0/wrpi/", 404),
        ("/v0/%77rpi", 404),
        ("/v0%2Fwrpi", 404),
        ("/v0/wrpi%00", 404),
        ("/v0/./wrpi", 404),
        ("//v0/wrpi", 404),
        ("/V0/WRPI", 404),
        ("*", 404),
    ] {
        assert_eq!(api.send("GET", target, &[]).status, status, "{target}");
    }
    assert_eq!(api.send("OPTIONS", "*", &[]).status, 204);
}

#[test]
fn accepts_absolute_targets_as_proxies_send_them() {
    let (api, _redis) = Api::start(&[]);
    for (target, status) in [
        ("http://wrpi.example.com/v0/wrpi", 200),
        ("http://wrpi.example.com:8080/v0/wrpi?as=is", 200),
        ("http://wrpi.example.com", 200),
        ("http://wrpi.example.com/v0", 404),
    ] {
        assert_eq!(api.send("GET", target, &[]).status, status, "{target}");
    }
}

#[test]
fn keeps_a_connection_until_the_client_asks_to_close_it() {
    let (api, _redis) = Api::start(&[]);
    let mut connection = Connection::open(&api.address).unwrap();
    for (credentials, status) in [("AUTH", 200), ("Authorization: none", 401), ("AUTH", 200)] {
        let request = format!("GET /v0/wrpi HTTP/1.1\r\nHost: test\r\n{credentials}\r\n\r\n");
        let answer = exchange(&mut connection, &api, &request);
        assert_eq!((answer.status, answer.header("connection")), (status, None));
    }
    let request = "GET /v0/wrpi HTTP/1.1\r\nHost: test\r\nAUTH\r\nConnection: close\r\n\r\n";
    let answer = exchange(&mut connection, &api, request);
    assert_eq!((answer.body.as_str(), answer.header("connection")), (BODY, Some("close")));
    assert!(connection.is_closed());
}

#[test]
fn answers_pipelined_requests_in_order() {
    let (api, _redis) = Api::start(&[]);
    let credentials = api.credentials();
    let mut connection = Connection::open(&api.address).unwrap();
    let rows = [
        ("GET", "/v0/wrpi", "X: x", 200),
        ("HEAD", "/v0/wrpi", "X: x", 200),
        ("GET", "/v0/wrpi", "If-None-Match: *", 304),
        ("GET", "/nowhere", "X: x", 404),
        ("OPTIONS", "/v0/wrpi", "X: x", 204),
        ("GET", "/", "X: x", 200),
        ("DELETE", "/v0/wrpi", "X: x", 405),
        ("GET", "/v0/wrpi", "X: x", 200),
    ];
    let requests = rows.map(|(method, target, header, _)| {
        format!("{method} {target} HTTP/1.1\r\nHost: test\r\nAuthorization: {credentials}\r\n{header}\r\n\r\n")
    });
    connection.write(&requests.concat()).unwrap();
    for (method, target, _, status) in rows {
        assert_eq!(connection.read(method != "HEAD").unwrap().status, status, "{method} {target}");
    }
}

#[test]
fn says_in_json_what_is_wrong_with_a_host_or_an_encoding() {
    let (api, _redis) = Api::start(&[]);
    for (target, version, headers, is_json) in [
        ("/", "1.1", "", true),
        ("/", "1.1", "Host: test\r\nHost: test\r\n", true),
        ("/", "1.1", "Host: user@test\r\n", true),
        ("http://user@test/", "1.1", "Host: test\r\n", true),
        ("/", "1.0", "Host: :80\r\n", true),
        ("/", "1.1", "Host: test\r\nTransfer-Encoding: gzip, chunked\r\n", true),
        ("/", "1.1", "Host: test\r\nTransfer-Encoding: gzip\r\n", false),
        ("/", "1.0", "Host: test\r\nTransfer-Encoding: chunked\r\n", false),
        ("/", "1.1", "Host test\r\n", false),
    ] {
        let mut connection = Connection::open(&api.address).unwrap();
        connection.write(&format!("GET {target} HTTP/{version}\r\n{headers}\r\n")).unwrap();
        let answer = connection.read(true).unwrap();
        assert_eq!(answer.status, 400, "{headers:?}");
        assert_eq!(answer.body.ends_with(r#","error_code":"bad_request"}"#), is_json, "{headers:?}");
        assert_eq!(answer.header("access-control-allow-origin"), is_json.then_some("*"), "{headers:?}");
        assert!(answer.header("date").is_some());
        assert!(connection.is_closed());
    }
}

#[test]
fn answers_head_and_options_of_any_path() {
    let (api, _redis) = Api::start(&[]);
    for target in ["/v0/wrpi", "/", "/openapi.json", "/nowhere"] {
        let (get, head) = (api.send("GET", target, &[]), api.send("HEAD", target, &[]));
        assert_eq!((head.status, head.body.as_str()), (get.status, ""));
        assert_eq!(head.header("content-length"), Some(&*get.body.len().to_string()), "{target}");
        assert_eq!(head.header("access-control-expose-headers"), Some("date,etag,retry-after,x-request-id"));
        let answer = send(&api.address, "OPTIONS", target, &[]);
        assert_eq!((answer.status, answer.header("allow")), (204, Some("GET,HEAD")), "{target}");
    }
    for target in ["/", "/openapi.json"] {
        let first = send(&api.address, "GET", target, &[]);
        assert_eq!(first.header("cache-control"), Some("no-cache"));
        let etag = first.header("etag").unwrap();
        let second = send(&api.address, "GET", target, &[("If-None-Match", etag)]);
        assert_eq!((second.status, second.body.as_str(), second.header("etag")), (304, "", Some(etag)));
    }
}

#[test]
fn closes_a_connection_over_http_1_0_unless_the_client_keeps_it() {
    let (api, _redis) = Api::start(&[]);
    for (headers, is_closed) in [("", true), ("Connection: keep-alive\r\n", false)] {
        let mut connection = Connection::open(&api.address).unwrap();
        let request = format!("GET / HTTP/1.0\r\n{headers}\r\n");
        for _ in 0..2 {
            connection.write(&request).unwrap();
            assert_eq!(connection.read(true).unwrap().status, 200, "without a Host");
            if is_closed {
                assert!(connection.is_closed());
                break;
            }
        }
    }
}

#[test]
fn answers_requests_that_arrive_in_pieces_with_pauses_soon_after_an_answer() {
    let (api, _redis) = Api::start(&[]);
    let mut connection = Connection::open(&api.address).unwrap();
    let whole = request(&api, "/v0/wrpi");
    for cuts in [vec![30], vec![1, 20, whole.len() - 1], vec![]] {
        let mut sent = 0;
        for cut in cuts {
            connection.write(&whole[sent..cut]).unwrap();
            sleep(PAUSE);
            sent = cut;
        }
        connection.write(&whole[sent..]).unwrap();
        assert_eq!(connection.read(true).unwrap().body, BODY);
    }
}

#[test]
fn reads_no_request_from_the_late_rest_of_a_body() {
    let (api, _redis) = Api::start(&[]);
    for (address, target) in [(&api.address, "/v0/wrpi"), (&api.admin, "/livez")] {
        let mut connection = Connection::open(address).unwrap();
        let length = HIDDEN.len() + 1;
        connection
            .write(&format!("POST {target} HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\nx"))
            .unwrap();
        assert_eq!(connection.read(true).unwrap().status, 405);
        sleep(PAUSE);
        // The API may have closed the connection.
        let _closed = connection.write(HIDDEN);
        assert!(connection.read(true).is_err(), "{target}");
    }
}
