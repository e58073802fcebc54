//! Environment variables: every value is either accepted and in its range, or rejected with the variable's name. No
//! output contains a secret. Every variable that is looked up gets a value, so a new setting needs no change here.
#![no_main]

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt::Debug;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use wrpi_core::settings::SettingsError;

/// Marks every secret, and the path of every secret file because users may confuse the two. Escaping unprintable bytes
/// cannot produce it.
const SECRET: &str = "ZkQzGwYv";
/// Values are composed of these words, so that valid and almost valid values are common.
const WORDS: &str = "https:// http:// example.com @ / : , * 0.0.0.0 [::1] [::] 8080 80 0 5 . ms s m h true json info wrpi_core = forwarded";

#[derive(Arbitrary, Debug)]
enum Piece<'a> {
    Word(u8),
    Bytes(&'a [u8]),
}

fuzz_target!(|values: Vec<Option<Vec<Piece>>>| {
    let values = RefCell::new(values.into_iter());
    let given = RefCell::new(HashMap::new());
    let lookup = |name: &str| -> Option<OsString> {
        let new = || values.borrow_mut().next().flatten().map(|pieces| value_of(name, &pieces));
        given.borrow_mut().entry(name.to_owned()).or_insert_with(new).clone()
    };
    let is_in_range = |time: Duration| (Duration::from_millis(100)..=Duration::from_hours(24)).contains(&time);

    let api = wrpi_api::Settings::from_lookup(&lookup);
    let updater = updater::Settings::from_lookup(&lookup);
    let given = given.into_inner();
    if let Ok(settings) = &api {
        let (store, http) = (&settings.store, &settings.http);
        assert!([settings.heartbeat, http.idle_timeout].into_iter().all(is_in_range) && store.port > 0);
        assert!(!store.host.is_empty() && !store.host.contains(|c: char| "/@[]".contains(c) || c.is_whitespace()));
        assert!(store.user.is_none() || store.password.is_some());
        assert!(http.listen != http.admin || http.admin.port() == 0);
        let origins = given["CORS_ALLOWED_ORIGINS"].as_ref().map_or("*", |text| text.to_str().unwrap());
        assert!(origins.trim() == "*" || origins.split(',').all(|origin| is_serialized_origin(origin.trim())));
    }
    if let Ok(settings) = &updater {
        assert!(is_in_range(settings.deadline) && settings.interval.is_none_or(is_in_range));
    }
    let known = |variable: &str| given.contains_key(variable);
    for shown in [shown(api, known), shown(updater, known)] {
        assert!(!shown.contains(SECRET), "{shown}");
    }
});

fn value_of(name: &str, pieces: &[Piece]) -> OsString {
    let bytes = |piece: &Piece| match piece {
        Piece::Word(index) => WORDS.split(' ').cycle().nth((*index).into()).unwrap().into(),
        Piece::Bytes(bytes) => bytes.to_vec(),
    };
    let mut value: Vec<u8> = pieces.iter().flat_map(bytes).collect();
    // The fuzzer learns the mark from the comparison above, and would use it in values that are not secrets.
    if value.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()) {
        value.clear();
    }
    let is_file = name.ends_with("_FILE");
    // The settings must not read a file of the host.
    let prefix = if is_file { "/nonexistent/" } else { "" };
    let suffix = if name.contains("PASS") { SECRET } else { "" };
    OsString::from_vec([prefix.as_bytes(), &value, suffix.as_bytes()].concat())
}

/// What a process prints: the debug form of the settings, or one line per error, which starts with the variable.
fn shown(settings: Result<impl Debug, SettingsError>, known: impl Fn(&str) -> bool) -> String {
    match settings {
        Ok(settings) => format!("{settings:?}"),
        Err(error) => {
            let text = error.to_string();
            for line in text.lines() {
                let (variable, problem) = line.split_once(' ').unwrap();
                assert!(known(variable) && problem.contains("allowed: "), "{line:?}");
            }
            text
        }
    }
}

fn is_serialized_origin(origin: &str) -> bool {
    let host = origin.strip_prefix("https://").or(origin.strip_prefix("http://")).unwrap_or_default();
    !host.is_empty() && !host.contains(|c: char| "/?#@".contains(c) || c.is_uppercase() || !c.is_ascii_graphic())
}
