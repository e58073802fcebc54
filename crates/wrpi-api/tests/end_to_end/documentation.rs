//! The pages that name tests, or that tests must hold.

use std::fs::read_to_string;

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The source of the test modules with this name.
fn source(module: &str) -> String {
    let read = |tests: &str| read_to_string(format!("{REPOSITORY}/crates/{tests}/{module}.rs"));
    let all = ["wrpi-api/tests/end_to_end", "wrpi-api/tests/network", "updater/tests/end_to_end"];
    all.map(|tests| read(tests).unwrap_or_default()).concat()
}

fn is_there(module: &str, test: &str) -> bool {
    source(module).contains(&format!("#[test]\nfn {test}()"))
}

/// Each row of the tables of `docs/api.md`, in order: the beginning of its first cell, and the tests of what it says.
const ROWS: [(&str, &str); 29] = [
    ("`GET /v0/wrpi` with", "contract::returns_the_reading_to_a_client_with_the_password"),
    ("… with `If-None-Match`", "contract::answers_304_if_the_client_has_the_reading"),
    ("`GET /v0/wrpi/stream`", "stream::sends_the_latest_reading_at_once_and_then_each_new_one"),
    ("`HEAD`", "http_conformance::answers_head_and_options_of_any_path"),
    ("`GET /`", "contract::serves_describes_and_counts_every_route_of_the_index"),
    ("`GET /openapi.json`", "contract::answers_401_without_the_password"),
    ("`GET /` and", "http_conformance::answers_head_and_options_of_any_path"),
    ("`OPTIONS`", "http_conformance::answers_head_and_options_of_any_path"),
    ("400", "http_conformance::says_in_json_what_is_wrong_with_a_host_or_an_encoding"),
    ("401", "contract::answers_401_without_the_password"),
    ("404", "contract::answers_unknown_paths_and_methods_with_json_errors"),
    ("405", "contract::answers_unknown_paths_and_methods_with_json_errors"),
    ("429", "guesses::throttles_different_wrong_passwords_but_not_a_repeated_one"),
    ("503", "contract::answers_503_without_a_reading_but_only_to_authenticated_clients"),
    (
        "connections",
        "http_conformance::answers_pipelined_requests_in_order http2_abuse::opens_no_more_streams_than_it_announces
         http2_abuse::ends_a_connection_without_the_password_gracefully_when_it_has_sent_much
         http2_abuse::answers_all_requests_without_the_password_that_arrive_at_once
         http_conformance::keeps_a_connection_until_the_client_asks_to_close_it
         http_conformance::closes_a_connection_over_http_1_0_unless_the_client_keeps_it",
    ),
    ("host", "hostile::refuses_ambiguous_requests_and_closes_the_connection http2::refuses_an_invalid_or_contradictory_host"),
    (
        "half close",
        "half_close::answers_in_full_on_the_public_and_the_admin_listener
         reconnect::evicts_half_closed_connections_before_others_and_only_at_the_limit",
    ),
    ("a client that disappears", "vanish::frees_the_places_of_clients_that_vanish_and_of_no_other"),
    (
        "time limits",
        "deadlines::closes_slow_clients_keeps_silent_streams_and_logs_a_bad_certificate_once
         limits::closes_an_idle_connection_and_keeps_a_busy_one",
    ),
    ("`If-None-Match`", "contract::answers_304_if_the_client_has_the_reading"),
    ("`Expect", "http_conformance::answers_expect_100_continue_without_waiting_for_the_body"),
    ("`Range`", "http_conformance::ignores_ranges_preconditions_and_accept_headers"),
    ("path", "http_conformance::compares_paths_byte_by_byte_and_ignores_queries"),
    ("request target", "http_conformance::accepts_absolute_targets_as_proxies_send_them"),
    ("request body", "hostile::closes_the_connection_after_a_request_with_a_body hostile::does_not_read_a_huge_body"),
    ("`X-Request-Id`", "logs::returns_and_logs_the_request_id logs::ignores_an_invalid_request_id"),
    ("`Date`", "http_conformance::sends_no_header_twice_and_a_date_with_every_response"),
    ("CORS", "contract::allows_every_header_that_a_preflight_asks_for contract::allows_only_listed_origins_to_read_responses"),
    (
        "throttling",
        "guesses::throttles_different_wrong_passwords_but_not_a_repeated_one guesses::allows_one_more_guess_after_the_refill
         guesses::takes_the_client_address_only_from_the_declared_proxy",
    ),
];

#[test]
fn has_a_test_for_each_row_of_the_contract() {
    let page = read_to_string(format!("{REPOSITORY}/docs/api.md")).unwrap();
    let lines: Vec<_> = page.lines().chain([""]).collect();
    let is_row = |pair: &&[&str]| pair[0].starts_with("| ") && !pair[1].starts_with("|-");
    let rows: Vec<_> = lines.windows(2).filter(is_row).map(|pair| pair[0]).collect();
    assert_eq!(rows.len(), ROWS.len());
    for (row, (cell, tests)) in rows.iter().zip(ROWS) {
        assert!(row.starts_with(&format!("| {cell}")), "{row} is not {cell}");
        for (module, test) in tests.split_whitespace().map(|name| name.split_once("::").unwrap()) {
            assert!(is_there(module, test), "{cell}: {module}::{test}");
        }
    }
}

#[test]
fn names_only_tests_that_exist() {
    for (page, at_least) in [("ARCHITECTURE.md", 15), ("SECURITY.md", 15), ("docs/redis.md", 20)] {
        let text = read_to_string(format!("{REPOSITORY}/{page}")).unwrap();
        let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        // The name of a test has several words, unlike `http2::backpressure`.
        let is_test = |&(module, test): &(&str, &str)| is_name(module) && is_name(test) && test.contains('_');
        let named: Vec<_> = text.split('`').filter_map(|code| code.split_once("::")).filter(is_test).collect();
        assert!(named.len() >= at_least, "{page}: {named:?}");
        for (module, test) in named {
            assert!(is_there(module, test), "{page}: {module}::{test}");
        }
        for module in text.split("all of `").skip(1).filter_map(|rest| rest.split('`').next()) {
            assert!(source(module).contains("#[test]"), "{page}: all of {module}");
        }
    }
}

/// The client's constant is the only place that decides when a silent stream is lost.
#[test]
fn names_the_silence_of_the_client_everywhere() {
    let read = |name: &str| read_to_string(format!("{REPOSITORY}/{name}")).unwrap();
    let source = read("clients/js/time.js");
    let constant = source.lines().find_map(|line| line.strip_prefix("export const SILENCE = ")?.strip_suffix("_000;"));
    let seconds = constant.unwrap();
    for (page, sentence) in [
        (
            "crates/wrpi-api/src/routes/openapi.json",
            format!("After {seconds} seconds without any data, the connection is lost"),
        ),
        ("docs/api.md", format!("After {seconds} seconds without any data, the connection is lost")),
        ("docs/clients.md", format!("After {seconds} seconds of silence on a stream")),
        ("docs/clients.md", format!("timeout={seconds}) as response:  # {seconds} s of silence: lost")),
        ("docs/clients.md", format!("A connection without data for {seconds} s is lost")),
    ] {
        assert!(read(page).contains(&sentence), "{page}: {sentence}");
    }
}
