//! The `Authorization` header: accepts the password in every form that RFC 7617 allows, and nothing else.
#![no_main]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use unicode_normalization::UnicodeNormalization;
use wrpi_api::{Password, fuzzing::has_password};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    password: &'a str,
    user: &'a str,
    scheme_case: [bool; 5],
    spaces: (u8, u8),
    padded: bool,
    /// Edits to a valid header: the index of a byte, and its new value.
    edits: Vec<(u8, u8)>,
}

impl Input<'_> {
    /// A header with `password`, in any valid form.
    fn basic(&self, password: &str) -> Vec<u8> {
        let case = |(upper, letter): (&bool, u8)| if *upper { letter.to_ascii_uppercase() } else { letter };
        let mut header: Vec<u8> = self.scheme_case.iter().zip(*b"basic").map(case).collect();
        header.resize(header.len() + 1 + usize::from(self.spaces.0), b' ');
        let encoded = STANDARD.encode(format!("{}:{password}", self.user.replace(':', "")));
        header.extend_from_slice(if self.padded { &encoded } else { encoded.trim_end_matches('=') }.as_bytes());
        header.resize(header.len() + usize::from(self.spaces.1), b' ');
        header
    }

    fn edited(&self, mut header: Vec<u8>) -> Vec<u8> {
        for (index, byte) in &self.edits {
            let index = usize::from(*index) % header.len();
            header[index] = *byte;
        }
        header
    }
}

fuzz_target!(|input: Input| {
    let Some(password) = Password::new(input.password.into()) else { return };
    let is_accepted = |headers: &[&[u8]]| {
        let values = headers.iter().map(|value| Some((AUTHORIZATION, HeaderValue::from_bytes(value).ok()?)));
        values.collect::<Option<HeaderMap>>().is_some_and(|headers| has_password(&headers, &password))
    };
    let right = input.basic(input.password);
    let edited = input.edited(right.clone());
    assert!(is_accepted(&[&right]));
    assert!(!is_accepted(&[&right, &right]) && !is_accepted(&[&right, &edited]) && !is_accepted(&[]));
    for wrong in [format!("{}x", input.password), input.password.repeat(2), input.password[..0].into()] {
        assert!(!is_accepted(&[&input.basic(&wrong)]), "{wrong:?}");
    }
    if is_accepted(&[&edited]) {
        let (scheme, encoded) = edited.split_at(6);
        assert!(scheme.eq_ignore_ascii_case(b"basic "));
        let encoded = encoded.trim_ascii();
        let padding = encoded.iter().rev().take_while(|b| **b == b'=').count();
        let decoded = STANDARD.decode([encoded, &b"=="[..(4 - encoded.len() % 4) % 4]].concat()).unwrap();
        let again = STANDARD.encode(&decoded).into_bytes();
        assert!(padding <= 2 && again.starts_with(&encoded[..encoded.len() - padding]), "not canonical");
        let password = std::str::from_utf8(decoded.splitn(2, |b| *b == b':').nth(1).unwrap()).unwrap();
        assert!(password.nfc().eq(input.password.nfc()));
    }
});
