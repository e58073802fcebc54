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
