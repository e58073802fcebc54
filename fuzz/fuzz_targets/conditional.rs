//! If-None-Match and If-Modified-Since: lists of entity tags and dates, well formed and not.
#![no_main]

use chrono::DateTime;
use http::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use wrpi_api::fuzzing::is_not_modified;

const ETAG: &str = r#""69.420-1613844407""#;
const LAST_MODIFIED: i64 = 1_613_844_407;
/// The three that RFC 9110 has: today's, RFC 850's and asctime's.
const DATE_FORMS: [&str; 3] = ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];

#[derive(Arbitrary, Debug)]
enum Tag<'a> {
    Ours,
    Other(&'a [u8]),
}

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    Bytes { list: &'a [u8], date: &'a [u8] },
    List { tags: Vec<(Tag<'a>, bool, u8)>, other_date: bool },
    Date { seconds: u32, form: u8 },
}

fuzz_target!(|input: Input| match input {
    Input::Bytes { list, date } => {
        if asks(&[(IF_NONE_MATCH, list), (IF_MODIFIED_SINCE, date)]) {
            let names_it = list.windows(ETAG.len()).any(|part| part == ETAG.as_bytes());
            assert!(names_it || list.trim_ascii() == b"*", "{}", list.escape_ascii());
        }
        asks(&[(IF_MODIFIED_SINCE, date)]);
        assert!(!asks(&[(IF_MODIFIED_SINCE, date), (IF_MODIFIED_SINCE, date)]));
    }
    Input::List { tags, other_date } => {
        let is_ours = |(tag, _, _): &(Tag, bool, u8)| match tag {
            Tag::Ours => true,
            Tag::Other(text) => etag(text) == ETAG.as_bytes(),
        };
        let date: &[u8] = if other_date { b"Sat, 20 Feb 2021 18:06:47 GMT" } else { b"Thu, 01 Jan 1970 00:00:00 GMT" };
        let list = tags.iter().map(written).collect::<Vec<_>>().concat();
        let found = asks(&[(IF_MODIFIED_SINCE, date), (IF_NONE_MATCH, &list)]);
        assert_eq!(found, tags.iter().any(is_ours), "{}", list.escape_ascii());
    }
    Input::Date { seconds, form } => {
        let date = DateTime::from_timestamp(seconds.into(), 0).unwrap();
        let form = usize::from(form) % DATE_FORMS.len();
        let text = date.format(DATE_FORMS[form]).to_string();
        // Two digits of a year mean the nearest one to today: those far away are not what was written.
        if form == 1 && !(1980..2060).contains(&chrono::Datelike::year(&date)) {
            return;
        }
        let found = asks(&[(IF_MODIFIED_SINCE, text.as_bytes())]);
        assert_eq!(found, LAST_MODIFIED <= seconds.into(), "{text}");
    }
});

fn asks(headers: &[(HeaderName, &[u8])]) -> bool {
    let valid = |(name, value): &(HeaderName, &[u8])| Some((name.clone(), HeaderValue::from_bytes(value).ok()?));
    let Some(headers) = headers.iter().map(valid).collect::<Option<HeaderMap>>() else { return false };
    is_not_modified(&headers, ETAG, LAST_MODIFIED)
}

/// What RFC 9110 allows in an entity tag, of `text`, in quotes.
fn etag(text: &[u8]) -> Vec<u8> {
    let allowed = text.iter().filter(|b| matches!(b, 0x21 | 0x23..=0x7e | 0x80..)).copied();
    [b"\"".to_vec(), allowed.collect(), b"\"".to_vec()].concat()
}

/// One element of a list, with a comma behind it and spaces around.
fn written((tag, weak, spaces): &(Tag, bool, u8)) -> Vec<u8> {
    let tag = match tag {
        Tag::Ours => ETAG.into(),
        Tag::Other(text) => etag(text),
    };
    let space = |shift: u8| vec![b' '; usize::from(spaces >> shift & 3)];
    [space(0), if *weak { b"W/".to_vec() } else { Vec::new() }, tag, space(2), b",".to_vec(), space(4)].concat()
}
