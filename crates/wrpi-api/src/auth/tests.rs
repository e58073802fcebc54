//! Which credentials are accepted.

use super::*;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;

fn accepts(password: &str, credentials: &[&[u8]]) -> bool {
    let mut headers = HeaderMap::new();
    for value in credentials {
        headers.append(AUTHORIZATION, http::HeaderValue::from_bytes(value).unwrap());
    }
    password_of(&headers).is_some_and(|candidate| Password::new(password.into()).unwrap().equals(&candidate).into())
}

fn basic(scheme: &str, user_and_password: &[u8]) -> Vec<u8> {
    format!("{scheme}{}", BASE64.encode(user_and_password)).into_bytes()
}

#[test]
fn scheme_case_and_spaces_do_not_matter() {
    for scheme in ["Basic ", "basic ", "BASIC ", "bAsIc    "] {
        assert!(accepts("p", &[&basic(scheme, b"any:p")]), "{scheme}");
    }
    assert!(accepts("p", &[b"Basic OnA="]), "an empty user name");
    assert!(accepts("p", &[b"Basic OnA"]), "no padding");
    assert!(accepts("p", &[b"Basic OnA=  "]), "spaces behind");
}

#[test]
fn rejects_malformed_and_ambiguous_credentials() {
    let good = basic("Basic ", b"any:p");
    for bad in [&b""[..], b"Basic", b"Basic ", b"OnA=", b"Bearer OnA=", b"Basic On A=", b"Basic ***", b"Basic\tOnA="] {
        assert!(!accepts("p", &[bad]), "{}", bad.escape_ascii());
    }
    assert!(!accepts("p", &[&basic("Basic ", b"p")]), "no colon");
    assert!(!accepts("p", &[&good, &good]), "two headers");
    assert!(!accepts("p", &[]), "no header");
    assert!(Password::new(SecretString::default()).is_none());
}

proptest! {
    #[test]
    fn accepts_only_the_same_text(user in "[^:]{0,9}", password in ".{1,40}", other in ".{0,40}") {
        let with = |candidate: &str| accepts(&password, &[&basic("Basic ", format!("{user}:{candidate}").as_bytes())]);
        prop_assert!(with(&password));
        prop_assert_eq!(with(&other), NFC.normalize(&other) == NFC.normalize(&password));
        prop_assert!(!with(&password.repeat(2)));
        prop_assert!(!with(&password[..password.char_indices().last().unwrap().0]));
    }

    #[test]
    fn accepts_changed_credentials_only_if_they_still_hold_the_password(
        scheme in "[bB][aA][sS][iI][cC] {1,3}",
        user in "[^:]{0,9}",
        password in ".{1,12}",
        is_padded: bool,
        end in " {0,2}",
        changes in vec((any::<Index>(), prop_oneof![b' '..=b'~', b'0'..=b'z', 128_u8.., Just(b'='), Just(b' ')]), 0..4),
        last in option::of(b'0'..=b'z'),
    ) {
        let encoded = BASE64.encode(format!("{user}:{password}"));
        let encoded = if is_padded { &encoded } else { encoded.trim_end_matches('=') };
        let right = format!("{scheme}{encoded}{end}").into_bytes();
        let mut changed = right.clone();
        for (index, byte) in &changes {
            changed[index.index(right.len())] = *byte;
        }
        // The unused bits of the last letter: decoders that ignore them accept other credentials than were sent.
        if let (Some(last), Some(place)) = (last, changed.iter().rposition(u8::is_ascii_alphanumeric)) {
            changed[place] = last;
        }
        prop_assert!(accepts(&password, &[&right]));
        prop_assert!(!accepts(&password, &[&right, &changed]) && !accepts(&password, &[&changed, &right]));
        if accepts(&password, &[&changed]) {
            prop_assert!(changed[..6].eq_ignore_ascii_case(b"basic "));
            let encoded = std::str::from_utf8(&changed[6..]).unwrap().trim();
            let decoded = BASE64.decode(encoded).unwrap();
            let canonical = BASE64.encode(&decoded);
            prop_assert_eq!(encoded.trim_end_matches('='), canonical.trim_end_matches('='));
            // The name of the user may be anything.
            let colon = decoded.iter().position(|byte| *byte == b':').unwrap();
            let candidate = std::str::from_utf8(&decoded[colon + 1..]).unwrap();
            prop_assert!(NFC.normalize(candidate) == NFC.normalize(&password));
        }
    }

    #[test]
    fn never_panics_on_any_header(bytes in vec(any::<u8>(), 0..60)) {
        let _ = basic_password(&bytes);
        let _ = basic_password(&[b"Basic ", &bytes[..]].concat());
    }
}
