//! Conditional requests (RFC 9110, section 13): whether the client has the reading already.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH};

/// Whether the conditions of a GET or HEAD say that the client has what `etag` names, last modified at
/// `last_modified` (seconds since 1970). `If-None-Match` overrules `If-Modified-Since`.
pub(crate) fn is_not_modified(headers: &HeaderMap, etag: &str, last_modified: i64) -> bool {
    if headers.contains_key(IF_NONE_MATCH) {
        return headers.get_all(IF_NONE_MATCH).iter().any(|list| lists(list.as_bytes(), etag.as_bytes()));
    }
    let mut dates = headers.get_all(IF_MODIFIED_SINCE).iter();
    let (Some(date), None) = (dates.next(), dates.next()) else { return false };
    let date = date.to_str().ok().and_then(|text| httpdate::parse_http_date(text).ok());
    let last_modified =
        u64::try_from(last_modified).map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    matches!((date, last_modified), (Some(date), Ok(last_modified)) if last_modified <= date)
}

/// Whether a list of entity tags is `*` or names `etag`, by the weak comparison. A list that is broken somewhere
/// counts up to there.
fn lists(list: &[u8], etag: &[u8]) -> bool {
    if list.trim_ascii() == b"*" {
        return true;
    }
    let mut rest = list;
    loop {
        rest = rest.trim_ascii_start();
        if let Some(behind) = rest.strip_prefix(b",") {
            rest = behind;
            continue;
        }
        rest = rest.strip_prefix(b"W/").unwrap_or(rest);
        // A tag may have commas between its quotes.
        let Some(end) = rest.strip_prefix(b"\"").and_then(|tag| tag.iter().position(|b| *b == b'"')) else {
            return false;
        };
        let (tag, behind) = rest.split_at(end + 2);
        if tag == etag {
            return true;
        }
        rest = behind;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    const ETAG: &str = r#""69.420-1613844407""#;
    const LAST_MODIFIED: i64 = 1_613_844_407;

    fn is_not_modified_with(pairs: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        is_not_modified(&headers, ETAG, LAST_MODIFIED)
    }

    #[test]
    fn if_none_match_takes_lists_weak_tags_and_stars() {
        for (value, expected) in [
            (r#""69.420-1613844407""#, true),
            (r#"W/"69.420-1613844407""#, true),
            ("*", true),
            (" * ", true),
            (r#""a", W/"b,c" ,,"69.420-1613844407""#, true),
            (r#""a","b""#, false),
            (r#""a, "69.420-1613844407""#, false),
            ("69.420-1613844407", false),
            (r#""69.420-1613844407"#, false),
            (r#"w/"69.420-1613844407""#, false),
            ("", false),
        ] {
            assert_eq!(is_not_modified_with(&[("if-none-match", value)]), expected, "{value}");
        }
        assert!(is_not_modified_with(&[("if-none-match", r#""a""#), ("if-none-match", ETAG)]));
    }

    #[test]
    fn if_modified_since_takes_the_three_date_forms() {
        for (value, expected) in [
            ("Sat, 20 Feb 2021 18:06:47 GMT", true),
            ("Saturday, 20-Feb-21 18:06:47 GMT", true),
            ("Sat Feb 20 18:06:47 2021", true),
            ("Sat, 20 Feb 2021 18:06:48 GMT", true),
            ("Sat, 20 Feb 2021 18:06:46 GMT", false),
            ("yesterday", false),
        ] {
            assert_eq!(is_not_modified_with(&[("if-modified-since", value)]), expected, "{value}");
        }
    }

    #[test]
    fn if_none_match_overrules_if_modified_since() {
        let date = ("if-modified-since", "Sat, 20 Feb 2021 18:06:47 GMT");
        assert!(!is_not_modified_with(&[("if-none-match", r#""old""#), date]));
        assert!(!is_not_modified_with(&[date, date]), "two dates are ambiguous");
        assert!(!is_not_modified_with(&[]));
    }

    proptest! {
        #[test]
        fn no_list_makes_the_parser_panic_or_hang(list in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = lists(&list, ETAG.as_bytes());
        }

        #[test]
        fn a_tag_is_found_anywhere_in_a_list(before in r#"("[!#-~]{0,5}" ?, ?){0,4}"#, after in r#"( ?, ?W/"[!#-~]{0,5}"){0,4}"#) {
            let list = format!("{before}{ETAG}{after}");
            prop_assert!(lists(list.as_bytes(), ETAG.as_bytes()));
        }
    }
}
