//! HTTP/2, as a browser uses it over TLS.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use h2::Reason;
use http::StatusCode;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use wrpi_test::{BODY, VALUE, eventually};

use crate::support::frames::{HEADERS, begin, field, get, next};
use crate::support::http2_client::{Client, text};
use crate::support::https::{HOST, HSTS, Https};
use crate::support::stream::{STREAM, event};

#[test]
fn answers_many_concurrent_requests_on_one_connection() {
    let https = Https::start(&[]);
    Runtime::new().unwrap().block_on(async {
        let client = Client::connect(&https).await;
        let mut requests = JoinSet::new();
        for _ in 0..200 {
            let client = client.clone();
            requests.spawn(async move { client.get("/v0/wrpi").await });
        }
        while let Some(answer) = requests.join_next().await {
            let answer = answer.unwrap();
            assert_eq!(answer.headers()[HSTS], "max-age=31536000");
            assert_eq!((answer.status(), text(answer.into_body()).await.as_str()), (StatusCode::OK, BODY));
        }
        assert_eq!(client.get("/nowhere").await.status(), StatusCode::NOT_FOUND);
    });
    assert_eq!(https.api.metric(r#"http_requests_total{method="GET",route="/v0/wrpi",status="200"}"#), "200");
}

#[test]
fn refuses_a_head_of_16_kib_and_ends_the_connection_if_it_is_much_longer() {
    let https = Https::start(&[]);
    // Each field counts 32 bytes more than its name and value (RFC 9113, section 6.5.2).
    let credentials = https.api.credentials();
    let fields =
        [":methodGET", ":schemehttps", ":authority", HOST, ":path/v0/wrpi", "authorization", &credentials, "x-padding"];
    let used = fields.concat().len() + 6 * 32;
    Runtime::new().unwrap().block_on(async {
        let client = Client::connect(&https).await;
        let send = async |size: usize| client.send("/v0/wrpi", size - used).await?.await;
        for (size, status) in [(16_383, 200), (16_384, 431), (60_000, 431), (16_383, 200)] {
            let answer = send(size).await.unwrap();
            assert_eq!(answer.status(), status, "{size} bytes");
            assert_eq!(answer.headers().contains_key("date"), status == 200);
        }
        assert_eq!(send(70_000).await.unwrap_err().reason(), Some(Reason::ENHANCE_YOUR_CALM));
    });
}

#[test]
fn answers_head_like_get_without_a_body() {
    let https = Https::start(&[]);
    Runtime::new().unwrap().block_on(async {
        let client = Client::connect(&https).await;
        for path in ["/v0/wrpi", "/v0/wrpi/stream", "/", "/nowhere"] {
            let mut get = client.get(path).await;
            let mut head = client.request("HEAD", path, 0).await.unwrap().await.unwrap();
            assert_eq!(head.status(), get.status(), "{path}");
            assert!(head.headers_mut().remove("date").and(get.headers_mut().remove("date")).is_some(), "{path}");
            assert_eq!(head.headers(), get.headers(), "{path}");
            // A client that gets a body resets the stream.
            assert_eq!(text(head.into_body()).await, "", "{path}");
        }
    });
}

#[test]
fn refuses_an_invalid_or_contradictory_host() {
    let https = Https::start(&[]);
    for (authority, host, status) in [
        ("test", None, b"\x88"),
        ("test:80", Some("TEST:80"), b"\x88"),
        ("user:pw@test", None, b"\x8c"),
        ("test:99999", None, b"\x8c"),
        ("test", Some("other"), b"\x8c"),
        ("test", Some("test:80"), b"\x8c"),
    ] {
        let mut stream = https.connect_http2();
        begin(&mut stream);
        let fields = [b"\x82\x87\x84".as_slice(), &field(":authority", authority)].concat();
        let host_field = host.map(|host| field("host", host)).unwrap_or_default();
        stream.write_all(&get(1, &[fields, host_field].concat())).unwrap();
        // 200 and 400 as entries of the static table (RFC 7541).
        let answer = next(HEADERS, &mut stream).unwrap();
        let status_field = answer.iter().find(|byte| **byte & 0xe0 != 0x20).unwrap();
        assert_eq!([*status_field], *status, "{authority} {host:?}");
    }
}

/// Nothing is sent for longer than the time-out, except heartbeats.
#[test]
fn keeps_a_quiet_stream_beyond_the_idle_timeout() {
    let https = Https::start(&[("IDLE_TIMEOUT", "1s")]);
    Runtime::new().unwrap().block_on(async {
        let client = Client::connect(&https).await;
        let mut events = client.get(STREAM).await.into_body();
        assert_eq!(events.data().await.unwrap().unwrap(), event(VALUE));
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(4) {
            assert_eq!(events.data().await.expect("the stream goes on").unwrap(), ":\n\n");
        }
    });
}

#[test]
fn streams_readings_until_it_stops() {
    let https = Https::start(&[]);
    Runtime::new().unwrap().block_on(async {
        let client = Client::connect(&https).await;
        let mut events = client.get(STREAM).await.into_body();
        assert_eq!(events.data().await.unwrap().unwrap(), event(VALUE));
        https.api.service.terminate();
        assert_eq!(text(events).await, "", "the regular end of the stream");
    });
}

#[test]
fn loses_no_request_when_it_stops_under_load() {
    let mut https = Https::start(&[("RUST_LOG", "wrpi_api=debug")]);
    let answered = Arc::<AtomicUsize>::default();
    Runtime::new().unwrap().block_on(async {
        let mut loads = JoinSet::new();
        for _ in 0..4 {
            let client = Client::connect(&https).await;
            for _ in 0..4 {
                let (client, answered) = (client.clone(), answered.clone());
                loads.spawn(async move {
                    while let Some(answer) = client.get_until_goaway().await {
                        assert_eq!((answer.status(), text(answer.into_body()).await.as_str()), (StatusCode::OK, BODY));
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        }
        tokio::task::block_in_place(|| eventually(|| answered.load(Ordering::Relaxed), |count| *count > 200));
        https.api.service.terminate();
        while let Some(load) = loads.join_next().await {
            load.unwrap();
        }
    });
    assert_eq!(https.api.service.wait().code(), Some(0));
    assert_eq!(https.api.service.count_logged("closing connections that did not end in time"), 0);
    let taken = https.api.service.count_logged("request answered");
    assert_eq!(answered.load(Ordering::Relaxed), taken, "every accepted request gets its response");
}
