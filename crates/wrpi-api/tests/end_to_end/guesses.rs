//! Guessing the password: each different wrong password uses up a guess, and a client without guesses must wait.

use std::time::{Duration, Instant};

use wrpi_test::{Api, eventually, random_password, send};

use crate::support::guess::{NO_REFILL, get_with, guess};

const THROTTLED: &str =
    r#"{"error":"too many wrong passwords, wait as long as Retry-After says","error_code":"throttled"}"#;

#[test]
fn throttles_different_wrong_passwords_but_not_a_repeated_one() {
    let (api, _redis) = Api::start(&[("AUTH_GUESSES", "3"), NO_REFILL]);
    let old = random_password();
    for _ in 0..20 {
        assert_eq!(get_with(&api, &old, &[]).status, 401);
    }
    assert_eq!((guess(&api, &[]), guess(&api, &[]), guess(&api, &[])), (401, 401, 429));

    let without_any = send(&api.address, "GET", "/v0/wrpi", &[]);
    for answer in [api.get(), get_with(&api, &old, &[]), without_any, api.send("GET", "/v0/wrpi/stream", &[])] {
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
fn allows_one_more_guess_after_the_refill() {
    const REFILL: Duration = Duration::from_secs(1);
    let (api, _redis) = Api::start(&[("AUTH_GUESSES", "1"), ("AUTH_GUESS_REFILL", "1s")]);
    loop {
        let guessed = Instant::now();
        assert_eq!(guess(&api, &[]), 401);
        let answer = api.get();
        if answer.status == 429 {
            assert_eq!(answer.header("retry-after"), Some("1"));
            eventually(|| api.get().status, |status| *status == 200);
            assert!(guessed.elapsed() >= REFILL, "refilled after {:?}", guessed.elapsed());
            return;
        }
        // The guess was refilled already, because this thread did not run for that long.
        assert!(guessed.elapsed() >= REFILL, "refilled after {:?}", guessed.elapsed());
    }
}

#[test]
fn does_not_limit_guesses_if_auth_guesses_is_zero() {
    let (api, _redis) = Api::start(&[("AUTH_GUESSES", "0")]);
    for _ in 0..100 {
        assert_eq!(guess(&api, &[]), 401);
    }
    assert_eq!(api.get().status, 200);
    assert_eq!(api.metric("wrpi_auth_throttled_total"), "0");
}

#[test]
fn logs_the_first_client_without_an_address_and_no_other() {
    let (mut api, _redis) = Api::start(&[("CLIENT_IP_SOURCE", "x-forwarded-for"), ("AUTH_GUESSES", "1"), NO_REFILL]);
    const PROBLEM: &str = "no client address in the header that CLIENT_IP_SOURCE names";
    let long = "x".repeat(5_000);
    for value in ["unix:", "unknown", &long, "_hidden"].repeat(5) {
        // They share a bucket, which the request without the header in `Api::start` has used too.
        get_with(&api, &api.password, &[("X-Forwarded-For", value)]);
        get_with(&api, &api.password, &[]);
    }
    api.service.terminate();
    assert!(api.service.wait().success());
    let logged: Vec<_> = api.service.output().into_iter().filter(|line| line.contains(PROBLEM)).collect();
    assert_eq!(logged.len(), 2, "{logged:?}");
    assert!(!logged[0].contains("value") && logged[1].contains("unix:"), "{logged:?}");
}

/// A client that guesses, and then one with the password: it must wait only if it has the same address.
#[test]
fn takes_the_client_address_only_from_the_declared_proxy() {
    for (source, header, guesser, clients) in [
        // Without a declared proxy no header counts.
        ("connection", "X-Forwarded-For", "192.0.2.1", &[("192.0.2.2", true)][..]),
        ("connection", "Forwarded", "for=192.0.2.1", &[("for=192.0.2.2", true)]),
        // The client may have written everything to the left of the proxy's own entry.
        (
            "x-forwarded-for",
            "X-Forwarded-For",
            "192.0.2.1",
            &[("192.0.2.2, 192.0.2.1", true), ("192.0.2.1, 192.0.2.2", false)],
        ),
        (
            "x-forwarded-for:2",
            "X-Forwarded-For",
            "192.0.2.1, 198.51.100.1",
            &[("192.0.2.2, 192.0.2.1, 198.51.100.1", true), ("192.0.2.2, 198.51.100.1", false)],
        ),
        // One client has a whole /64 of IPv6.
        ("x-real-ip", "X-Real-IP", "2001:db8:0:1::1", &[("2001:db8:0:1:ffff::2", true), ("2001:db8:0:2::1", false)]),
    ] {
        let (api, _redis) = Api::start(&[("AUTH_GUESSES", "1"), NO_REFILL, ("CLIENT_IP_SOURCE", source)]);
        assert_eq!(guess(&api, &[(header, guesser)]), 401);
        for &(client, must_wait) in clients {
            assert_eq!(guess(&api, &[(header, guesser)]), 429, "{source} {guesser}");
            let status = get_with(&api, &api.password, &[(header, client)]).status;
            assert_eq!(status, if must_wait { 429 } else { 200 }, "{source} {client}");
        }
    }
}
