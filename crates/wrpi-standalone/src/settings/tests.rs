//! The settings of all binaries: their table in the documentation, and any values of the variables.

use super::*;

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt::Debug;
use std::os::unix::ffi::OsStringExt;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// Contains the table of all settings.
const DOCUMENTATION: &str = include_str!("../../../../docs/configuration.md");

/// The settings of all binaries as a Markdown table: the default of each binary, and the meaning.
fn table() -> String {
    let binaries = [updater::Settings::describe(), wrpi_api::Settings::describe(), Settings::describe()];
    let [_, api, _] = &binaries;
    let mut all: Vec<&Description> = Vec::new();
    for setting in api.iter().chain(binaries.iter().flatten()) {
        match all.iter().find(|known| known.name == setting.name) {
            None => all.push(setting),
            Some(known) => assert_eq!(known.meaning, setting.meaning, "{}", setting.name),
        }
    }
    let default = |settings: &Vec<Description>, name: &str| {
        settings.iter().find(|setting| setting.name == name).map_or("-".to_owned(), |setting| setting.default.clone())
    };
    let row = |Description { name, meaning, .. }: &&Description| {
        let defaults = binaries.iter().map(|settings| default(settings, name)).collect::<Vec<_>>().join(" | ");
        format!("| `{name}` | {defaults} | {meaning} |\n")
    };
    let head = "| variable | `updater` | `wrpi-api` | `wrpi-standalone` | meaning |\n|---|---|---|---|---|\n";
    head.to_owned() + &all.iter().map(row).collect::<String>()
}

#[test]
fn the_documentation_lists_every_setting() {
    let table = table();
    assert!(DOCUMENTATION.contains(&table), "the table should be:\n{table}");
}

/// Marks every secret, and the path of every secret file because users may confuse the two. Escaping unprintable bytes
/// cannot produce it.
const SECRET: &str = "ZkQzGwYv";

/// Values of words, so that valid and almost valid ones are common, and of any bytes.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let words = "https:// http:// example.com @ / : , * 0.0.0.0 [::1] [::] 8080 80 0 5 . ms s m h true json info wrpi_core = \
                 forwarded";
    let word =
        proptest::sample::select(words.split_whitespace().map(str::as_bytes).map(<[u8]>::to_vec).collect::<Vec<_>>());
    vec(prop_oneof![6 => word, 1 => vec(any::<u8>(), 0..5)], 0..5).prop_map(|parts| parts.concat())
}

proptest! {
    /// Every variable that is looked up gets a value, so a new setting needs no change here.
    #[test]
    fn any_value_is_in_its_range_or_rejected_by_the_name_of_its_variable_and_no_secret_is_shown(
        values in vec(option::weighted(0.3, value()), 60),
    ) {
        let (values, given) = (RefCell::new(values.into_iter()), RefCell::new(HashMap::new()));
        let lookup = |name: &str| -> Option<OsString> {
            let new = || values.borrow_mut().next().flatten().map(|value| marked(name, &value));
            given.borrow_mut().entry(name.to_owned()).or_insert_with(new).clone()
        };
        let is_in_range = |time: Duration| (Duration::from_millis(100)..=Duration::from_hours(24)).contains(&time);
        let api = wrpi_api::Settings::from_lookup(&lookup);
        let updater = updater::Settings::from_lookup(&lookup);
        let given = given.borrow();
        if let Ok(settings) = &api {
            let (store, http) = (&settings.store, &settings.http);
            prop_assert!([settings.heartbeat, http.idle_timeout].into_iter().all(is_in_range) && store.port > 0);
            prop_assert!(!store.host.is_empty() && !store.host.contains(|c: char| "/@[]".contains(c) || c.is_whitespace()));
            prop_assert!(store.user.is_none() || store.password.is_some());
            prop_assert!(http.listen != http.admin || http.admin.port() == 0);
            let origins = given["CORS_ALLOWED_ORIGINS"].as_ref().map_or("*", |text| text.to_str().unwrap());
            prop_assert!(origins.trim() == "*" || origins.split(',').all(|origin| is_serialized_origin(origin.trim())));
        }
        if let Ok(settings) = &updater {
            prop_assert!(is_in_range(settings.deadline) && settings.interval.is_none_or(is_in_range));
        }
        for shown in [shown(api, &given), shown(updater, &given)] {
            prop_assert!(!shown.contains(SECRET), "{}", shown);
        }
    }
}

/// `value` for the variable `name`: with the mark if it is a secret, and never a file of this host.
fn marked(name: &str, value: &[u8]) -> OsString {
    let prefix = if name.ends_with("_FILE") { "/nonexistent/" } else { "" };
    let suffix = if name.contains("PASS") { SECRET } else { "" };
    OsString::from_vec([prefix.as_bytes(), value, suffix.as_bytes()].concat())
}

/// What a process prints: the debug form of the settings, or a line for each error, which starts with the variable.
fn shown(settings: Result<impl Debug, SettingsError>, given: &HashMap<String, Option<OsString>>) -> String {
    match settings {
        Ok(settings) => format!("{settings:?}"),
        Err(error) => {
            let text = error.to_string();
            for line in text.lines() {
                let (variable, problem) = line.split_once([' ', ':']).unwrap();
                assert!(given.contains_key(variable) && problem.contains("allowed: "), "{line:?}");
            }
            text
        }
    }
}

fn is_serialized_origin(origin: &str) -> bool {
    let host = origin.strip_prefix("https://").or(origin.strip_prefix("http://")).unwrap_or_default();
    !host.is_empty() && !host.contains(|c: char| "/?#@".contains(c) || c.is_uppercase() || !c.is_ascii_graphic())
}
