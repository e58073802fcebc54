//! The pages that name tests.

use std::fs::read_to_string;

#[test]
fn names_only_tests_that_exist() {
    let repository = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let source = |module: &str| -> String {
        let read = |tests: &str| read_to_string(format!("{repository}/crates/{tests}/{module}.rs"));
        let all = ["wrpi-api/tests/end_to_end", "wrpi-api/tests/network", "updater/tests/end_to_end"];
        all.map(|tests| read(tests).unwrap_or_default()).concat()
    };
    for (page, at_least) in [("ARCHITECTURE.md", 15), ("SECURITY.md", 15), ("docs/redis.md", 20)] {
        let text = read_to_string(format!("{repository}/{page}")).unwrap();
        let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        // The name of a test has several words, unlike `tokio::sync::watch`.
        let is_test =
            |&(module, test): &(&str, &str)| is_name(module) && is_name(test) && test.matches('_').count() > 1;
        let named: Vec<_> = text.split('`').filter_map(|code| code.split_once("::")).filter(is_test).collect();
        assert!(named.len() >= at_least, "{page}: {named:?}");
        for (module, test) in named {
            assert!(source(module).contains(&format!("#[test]\nfn {test}()")), "{page}: {module}::{test}");
        }
        for module in text.split("all of `").skip(1).filter_map(|rest| rest.split('`').next()) {
            assert!(source(module).contains("#[test]"), "{page}: all of {module}");
        }
    }
}

/// The client's constant is the only place that decides when a silent stream is lost.
#[test]
fn names_the_silence_of_the_client_everywhere() {
    let read = |name: &str| read_to_string(format!("{}/../../{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
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
