//! What a client may send that few do, and what it can rely on then (RFC 9110 and 9112), over a bare socket.

use wrpi_test::{Connection, Response, basic, send};

use crate::api::{Api, BODY};

/// Sends `request` as it is, but for `AUTH`, and reads the answer.
fn exchange(api: &Api, request: &str) -> (Connection, Response) {
    let credentials = format!("Authorization: {}", basic(&format!("any:{}", api.password)));
    let mut connection = Connection::open(&api.address).unwrap();
    connection.write(&request.replace("AUTH", &credentials)).unwrap();
    let answer = connection.read(true).unwrap();
    (connection, answer)
}

#[test]
fn every_answer_has_its_date_exactly_once() {
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
            assert!(answer.header(name).is_some(), "no header comes twice");
        }
        assert!(answer.header("date").unwrap().ends_with(" GMT"));
    }
    assert!(send(&api.address, "GET", "/v0/wrpi", &[]).header("date").is_some());
}

#[test]
fn who_expects_100_continue_gets_the_answer_without_sending_the_body() {
    let (api, _redis) = Api::start(&[]);
    let request = "POST /v0/wrpi HTTP/1.1\r\nHost: test\r\nAUTH\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n";
    let (mut connection, answer) = exchange(&api, request);
    assert_eq!(answer.status, 405);
    assert!(connection.is_closed(), "what follows could be taken for the body");
    let (_, answer) = exchange(&api, "GET /v0/wrpi HTTP/1.1\r\nHost: test\r\nAUTH\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!((answer.status, answer.body.as_str()), (200, BODY));
}

#[test]
fn ranges_and_what_is_accepted_do_not_change_the_answer() {
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
fn paths_are_compared_byte_by_byte_and_queries_are_ignored() {
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
fn a_target_may_be_absolute_as_proxies_send_it() {
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
fn a_client_may_close_the_connection_or_ask_for_it() {
    let (api, _redis) = Api::start(&[]);
    let (mut connection, answer) =
        exchange(&api, "GET /v0/wrpi HTTP/1.1\r\nHost: test\r\nAUTH\r\nConnection: close\r\n\r\n");
    assert_eq!((answer.body.as_str(), answer.header("connection")), (BODY, Some("close")));
    assert!(connection.is_closed());
    let (mut connection, answer) = exchange(&api, "GET /v0/wrpi HTTP/1.1\r\nHost: test\r\nAUTH\r\n\r\n");
    assert_eq!((answer.body.as_str(), answer.header("connection")), (BODY, None));
    assert_eq!(connection.request("GET", "/", &[]).unwrap().status, 200);
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let (api, _redis) = Api::start(&[]);
    let credentials = basic(&format!("any:{}", api.password));
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
