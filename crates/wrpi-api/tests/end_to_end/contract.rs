//! The HTTP contract, row by row, as a client of the real binary sees it over a socket.

use std::collections::BTreeSet;
use std::fs::read_to_string;

use serde_json::Value;
use wrpi_test::{Api, BODY, Redis, Response, TIMESTAMP, VALUE, basic, eventually, get, random_password, send};

use crate::support::guess::{NO_REFILL, guess};

const FORBIDDEN: &str = r#"{"error":"please authenticate to use this API","error_code":"forbidden"}"#;

#[test]
fn returns_the_reading_to_a_client_with_the_password() {
    let (api, _redis) = Api::start(&[]);
    let answer = api.get();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, BODY);
    for (name, value) in [
        ("content-type", "application/json"),
        ("content-length", "74"),
        ("etag", "\"69.420-1613844407\""),
        ("last-modified", "Sat, 20 Feb 2021 18:06:47 GMT"),
        ("cache-control", "no-cache"),
        ("access-control-allow-origin", "*"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    assert!(answer.header("date").is_some());
}

#[test]
fn answers_head_like_get_without_a_body() {
    let (api, _redis) = Api::start(&[]);
    let (get, head) = (api.get(), api.send("HEAD", "/v0/wrpi", &[]));
    assert_eq!(head.status, 200);
    assert_eq!(head.body, "");
    let but_date = |answer: Response| answer.headers.into_iter().filter(|(name, _)| name != "date").collect::<Vec<_>>();
    assert_eq!(but_date(head), but_date(get));
}

#[test]
fn answers_304_if_the_client_has_the_reading() {
    let (api, redis) = Api::start(&[]);
    let (etag, date) = ("\"69.420-1613844407\"", "Sat, 20 Feb 2021 18:06:47 GMT");
    for (method, headers, status) in [
        ("GET", vec![("If-None-Match", etag)], 304),
        ("HEAD", vec![("If-None-Match", etag)], 304),
        ("GET", vec![("If-None-Match", "W/\"a\", W/\"69.420-1613844407\"")], 304),
        ("GET", vec![("If-None-Match", "*")], 304),
        ("GET", vec![("If-None-Match", "\"other\"")], 200),
        ("GET", vec![("If-Modified-Since", date)], 304),
        ("GET", vec![("If-Modified-Since", "Sat, 20 Feb 2021 18:06:46 GMT")], 200),
        ("GET", vec![("If-None-Match", "\"other\""), ("If-Modified-Since", date)], 200),
    ] {
        let answer = api.send(method, "/v0/wrpi", &headers);
        assert_eq!(answer.status, status, "{method} {headers:?}");
        assert_eq!(answer.header("etag"), Some(etag));
        assert_eq!(answer.header("last-modified"), Some(date));
        if status == 304 {
            assert_eq!((answer.body.as_str(), answer.header("content-type")), ("", None));
        }
    }
    redis.write("69.421", TIMESTAMP);
    eventually(|| api.send("GET", "/v0/wrpi", &[("If-None-Match", etag)]), |answer| answer.status == 200);
}

/// Headers that fetch wrappers and tracing agents add, and one that nothing adds.
const REQUESTED: &str = "authorization,content-type,pragma,sentry-trace,traceparent,x-anything,x-requested-with";

#[test]
fn allows_every_header_that_a_preflight_asks_for() {
    let (api, _redis) = Api::start(&[]);
    for target in ["/v0/wrpi", "/v0/wrpi/stream", "/"] {
        let preflight = [
            ("Origin", "https://app.example.com"),
            ("Access-Control-Request-Method", "GET"),
            ("Access-Control-Request-Headers", REQUESTED),
        ];
        let answer = send(&api.address, "OPTIONS", target, &preflight);
        assert_eq!((answer.status, answer.body.as_str()), (204, ""));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert_eq!(["allow", "access-control-allow-methods"].map(|name| answer.header(name)), [Some("GET,HEAD"); 2]);
        assert_eq!(answer.header("access-control-max-age"), Some("7200"));
        assert_eq!(answer.header("content-length"), None, "RFC 9110, section 8.6");
        assert_eq!(answer.header("access-control-allow-headers"), Some(REQUESTED));
    }
}

#[test]
fn allows_only_listed_origins_to_read_responses() {
    let origins = "https://app.example.com, http://localhost:3000";
    let (api, _redis) = Api::start(&[("CORS_ALLOWED_ORIGINS", origins), ("AUTH_GUESSES", "1"), NO_REFILL]);
    let cases = [
        ("https://app.example.com", Some("https://app.example.com")),
        ("http://localhost:3000", Some("http://localhost:3000")),
        ("https://evil.example.com", None),
        ("null", None),
    ];
    let is_allowed = |answer: Response, status: u16, origin: Option<&str>| {
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (status, origin));
        assert!(answer.header("vary").unwrap().to_ascii_lowercase().contains("origin"));
    };
    for (origin, allowed) in cases {
        is_allowed(api.send("GET", "/v0/wrpi", &[("Origin", origin)]), 200, allowed);
        is_allowed(send(&api.address, "GET", "/v0/wrpi", &[("Origin", origin)]), 401, allowed);
        let two_hosts = [("Origin", origin), ("Host", "a second one")];
        is_allowed(send(&api.address, "GET", "/v0/wrpi", &two_hosts), 400, allowed);
    }
    assert_eq!(guess(&api, &[]), 401);
    for (origin, allowed) in cases {
        for target in ["/v0/wrpi", "/v0/wrpi/stream"] {
            is_allowed(api.send("GET", target, &[("Origin", origin)]), 429, allowed);
        }
    }
}

#[test]
fn answers_401_without_the_password() {
    let (api, _redis) = Api::start(&[]);
    let wrong = basic(&format!("any:{}", random_password()));
    let longer = basic(&format!("any:{}x", api.password));
    let shorter = basic(&format!("any:{}", &api.password[1..]));
    let right = basic(&format!("any:{}", api.password));
    let other_scheme = right.replace("Basic", "Bearer");
    for headers in [
        vec![],
        vec![("Authorization", wrong.as_str())],
        vec![("Authorization", &longer)],
        vec![("Authorization", &shorter)],
        vec![("Authorization", &other_scheme)],
        vec![("Authorization", "Basic")],
        vec![("Authorization", "Basic ???")],
        vec![("Authorization", &right), ("Authorization", &wrong)],
    ] {
        for target in ["/v0/wrpi", "/v0/wrpi/stream"] {
            let answer = send(&api.address, "GET", target, &headers);
            assert_eq!((answer.status, answer.body.as_str()), (401, FORBIDDEN));
            assert_eq!(answer.header("www-authenticate"), Some(r#"Basic realm="wayhome wrpi", charset="UTF-8""#));
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
            assert_eq!(answer.header("etag"), None);
        }
    }
    for target in ["/", "/openapi.json"] {
        let answer = send(&api.address, "GET", target, &[]);
        assert!(answer.status == 200 && !answer.body.contains(VALUE), "the reading is in {target}");
    }
}

#[test]
fn accepts_any_user_name_and_a_password_of_any_text() {
    let secret = random_password();
    // The same text, with composed and with decomposed letters.
    let spellings = ["\u{fc}m\u{e4}ut", "u\u{308}ma\u{308}ut"].map(|text| format!("colon:{text} 日本 {secret}"));
    for set in &spellings {
        let (api, _redis) = Api::start(&[("APP_PASSWORD", set)]);
        let status = |user: &str, password: &str| {
            send(&api.address, "GET", "/v0/wrpi", &[("Authorization", &basic(&format!("{user}:{password}")))]).status
        };
        for user in ["any", "", "someone else", "üser"] {
            assert_eq!(spellings.each_ref().map(|sent| status(user, sent)), [200, 200], "{user} {set:?}");
        }
        assert_eq!(status("any", &set.replace('\u{308}', "").replace('\u{fc}', "u")), 401);
    }
}

#[test]
fn answers_503_without_a_reading_but_only_to_authenticated_clients() {
    let redis = Redis::start();
    let api = Api::follow(&redis, &[]);
    let answer = api.get();
    assert_eq!(answer.status, 503);
    assert_eq!(answer.body, r#"{"error":"no reading is available yet, retry soon","error_code":"unavailable"}"#);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("retry-after"), Some("5"));
    assert_eq!(send(&api.address, "GET", "/v0/wrpi", &[]).status, 401);
    assert_eq!(send(&api.admin, "GET", "/readyz", &[]).status, 503);
    assert_eq!(send(&api.admin, "GET", "/livez", &[]).status, 200);
    redis.write(VALUE, TIMESTAMP);
    eventually(|| send(&api.admin, "GET", "/readyz", &[]).status, |status| *status == 200);
    assert_eq!(api.get().body, BODY);
}

#[test]
fn answers_unknown_paths_and_methods_with_json_errors() {
    let (api, _redis) = Api::start(&[]);
    for (method, target, status, code, allow) in [
        ("GET", "/v1/wrpi", 404, "not_found", None),
        ("GET", "/%2e%2e/etc/passwd", 404, "not_found", None),
        ("GET", "/metrics", 404, "not_found", None),
        ("GET", "/readyz", 404, "not_found", None),
        ("GET", "/livez", 404, "not_found", None),
        ("POST", "/v0/wrpi", 405, "method_not_allowed", Some("GET,HEAD")),
        ("DELETE", "/", 405, "method_not_allowed", Some("GET,HEAD")),
        ("PURGE", "/v0/wrpi", 405, "method_not_allowed", Some("GET,HEAD")),
    ] {
        let answer = api.send(method, target, &[("Content-Length", "0")]);
        assert_eq!(answer.status, status, "{method} {target}");
        assert!(answer.body.ends_with(&format!(r#","error_code":"{code}"}}"#)), "{}", answer.body);
        assert!(answer.body.starts_with(r#"{"error":""#), "{}", answer.body);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("allow"), allow, "{method} {target}");
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    }
}

#[test]
fn serves_describes_and_counts_every_route_of_the_index() {
    let (api, _redis) = Api::start(&[]);
    let json = |target| -> Value {
        let answer = send(&api.address, "GET", target, &[]);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        serde_json::from_str(&answer.body).unwrap()
    };
    let (index, description) = (json("/"), json("/openapi.json"));
    let routes: Vec<_> = index["routes"].as_array().unwrap().iter().map(|route| route.as_str().unwrap()).collect();
    let described = description["paths"].as_object().unwrap();
    assert_eq!(BTreeSet::from_iter(routes.clone()), described.keys().map(String::as_str).collect(), "in openapi.json");
    let page = read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api.md")).unwrap();
    for route in routes {
        assert!(page.contains(&format!("`GET {route}`")), "{route} in docs/api.md");
        let status = if described[route]["get"]["security"].is_array() { 401 } else { 200 };
        assert_eq!(send(&api.address, "GET", route, &[]).status, status, "{route}");
        let series =
            |method, status| format!(r#"http_requests_total{{method="{method}",route="{route}",status="{status}"}}"#);
        assert_ne!(api.metric(&series("GET", status)), "0", "{route}");
        if status == 401 {
            assert_eq!(api.metric(&series("HEAD", 503)), "0", "{route}");
        }
    }
}

#[test]
fn never_logs_credentials() {
    let (mut api, _redis) = Api::start(&[("RUST_LOG", "trace")]);
    let guess = random_password();
    assert_eq!(get(&api.address, "/v0/wrpi", &guess).status, 401);
    assert_eq!(api.get().status, 200);
    api.service.terminate();
    assert!(api.service.wait().success());
    let log = api.service.output().join("\n");
    assert!(log.contains("stopped"), "the log is empty: {log}");
    for secret in [&api.password, &guess, &basic(&format!("any:{}", api.password)), &basic(&format!("any:{guess}"))] {
        assert!(!log.contains(secret.as_str()));
    }
}
