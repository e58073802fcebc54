//! Guessing the password: each different wrong one costs, and who has spent all gets nothing for a while.

use std::time::{Duration, Instant};

use wrpi_test::{Response, basic, eventually, random_password, send};

use crate::api::{Api, BODY};

/// So long that no guess is refilled while a test runs.
const NO_REFILL: (&str, &str) = ("AUTH_GUESS_REFILL", "60m");

const THROTTLED: &str =
    r#"{"error":"too many wrong passwords, wait as long as Retry-After says","error_code":"throttled"}"#;

/// GET with a new wrong password.
fn guess(api: &Api, headers: &[(&str, &str)]) -> u16 {
    ask(api, &random_password(), headers).status
}

fn ask(api: &Api, password: &str, headers: &[(&str, &str)]) -> Response {
    let credentials = basic(&format!("any:{password}"));
    send(&api.address, "GET", "/v0/wrpi", &[&[("Authorization", &*credentials)], headers].concat())
}

#[test]
fn different_wrong_passwords_cost_and_the_same_one_again_does_not() {
    let (api, _redis) = Api::start(&[("AUTH_GUESSES", "3"), NO_REFILL]);
    let old = random_password();
    for _ in 0..20 {
        assert_eq!(ask(&api, &old, &[]).status, 401);
    }
    assert_eq!((guess(&api, &[]), guess(&api, &[]), guess(&api, &[])), (401, 401, 429));

    let without_any = send(&api.address, "GET", "/v0/wrpi", &[]);
    for answer in [api.get(), ask(&api, &old, &[]), without_any, api.send("GET", "/v0/wrpi/stream", &[])] {
        assert_eq!((answer.status, answer.body.as_str()), (429, THROTTLED));
        let seconds: u32 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1800..=3600).contains(&seconds), "{seconds}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert!(answer.header("access-control-expose-headers").unwrap().contains("retry-after"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
    assert_eq!(send(&api.address, "GET", "/", &[]).status, 200);
    assert_eq!(api.metric("wrpi_auth_failures_total"), "22");
    assert_eq!(api.metric("wrpi_auth_throttled_total"), "5");
    assert_eq!(api.metric(r#"http_requests_total{method="GET",route="/v0/wrpi",status="429"}"#), "4");
}

#[test]
fn a_listed_origin_may_read_that_it_must_wait() {
    let origin = "https://app.example.com";
    let (api, _redis) = Api::start(&[("AUTH_GUESSES", "1"), NO_REFILL, ("CORS_ALLOWED_ORIGINS", origin)]);
    assert_eq!(guess(&api, &[]), 401);
    for target in ["/v0/wrpi", "/v0/wrpi/stream"] {
        let answer = api.send("GET", target, &[("Origin", origin)]);
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (429, Some(origin)));
        let other = api.send("GET", target, &[("Origin", "https://evil.example.com")]);
        assert_eq!((other.status, other.header("access-control-allow-origin")), (429, None));
    }
}

#[test]
fn after_the_refill_one_more_may_be_tried() {
    const REFILL: Duration = Duration::from_secs(2);
    let (api, _redis) = Api::start(&[("AUTH_GUESSES", "1"), ("AUTH_GUESS_REFILL", "2s")]);
    let mut throttled = 0;
    while throttled < 2 {
        let guessed = Instant::now();
        assert_eq!(guess(&api, &[]), 401);
        let answer = api.get();
        if answer.status == 429 {
            assert!(["1", "2"].contains(&answer.header("retry-after").unwrap()), "{answer:?}");
            throttled += 1;
            eventually(|| api.get().status, |status| *status == 200);
        }
        // Else this thread did not run for so long that the guess was refilled already.
        assert!(guessed.elapsed() >= REFILL, "refilled after {:?}", guessed.elapsed());
    }
}

#[test]
fn who_has_the_right_password_is_never_slowed_whatever_others_do() {
    let (api, _redis) = Api::start(&[("AUTH_GUESSES", "1"), NO_REFILL, ("CLIENT_IP_SOURCE", "x-real-ip")]);
    let (guesser, client) = ([("X-Real-IP", "192.0.2.1")], [("X-Real-IP", "192.0.2.2")]);
    assert_eq!(guess(&api, &guesser), 401);
    for _ in 0..100 {
        assert_eq!(guess(&api, &guesser), 429);
        assert_eq!(ask(&api, &api.password, &client).body, BODY);
    }
}

#[test]
fn zero_guesses_is_no_limit() {
    let (api, _redis) = Api::start(&[("AUTH_GUESSES", "0")]);
    for _ in 0..100 {
        assert_eq!(guess(&api, &[]), 401);
    }
    assert_eq!(api.get().status, 200);
    assert_eq!(api.metric("wrpi_auth_throttled_total"), "0");
}

#[test]
fn only_the_declared_proxy_s_word_on_who_asks_is_taken() {
    for (source, header, value, same) in [
        // Nobody may name himself.
        ("connection", "X-Forwarded-For", "192.0.2.2", true),
        ("connection", "Forwarded", "for=192.0.2.2", true),
        // What stands left of the proxy's own word comes from the client.
        ("x-forwarded-for", "X-Forwarded-For", "192.0.2.2, 192.0.2.1", true),
        ("x-forwarded-for", "X-Forwarded-For", "192.0.2.1, 192.0.2.2", false),
        ("x-forwarded-for:2", "X-Forwarded-For", "192.0.2.2, 192.0.2.1, 198.51.100.1", true),
        ("x-forwarded-for:2", "X-Forwarded-For", "192.0.2.2, 198.51.100.1", false),
        // One client has a whole /64 of IPv6.
        ("x-real-ip", "X-Real-IP", "2001:db8:0:1:ffff::2", true),
        ("x-real-ip", "X-Real-IP", "2001:db8:0:2::1", false),
    ] {
        let (api, _redis) = Api::start(&[("AUTH_GUESSES", "1"), NO_REFILL, ("CLIENT_IP_SOURCE", source)]);
        let first = match source {
            "x-real-ip" => "2001:db8:0:1::1",
            "x-forwarded-for:2" => "192.0.2.1, 198.51.100.1",
            _ => "192.0.2.1",
        };
        assert_eq!(guess(&api, &[(header, first)]), 401);
        let expected = if same { 429 } else { 200 };
        assert_eq!(ask(&api, &api.password, &[(header, value)]).status, expected, "{source} {value}");
    }
}
