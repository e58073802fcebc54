//! The time of a calculation and its ISO 8601 forms.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, FixedOffset, NaiveDateTime, Timelike, Utc};

/// When a value was calculated: an instant in the years 1970 to 9999, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(DateTime<Utc>);

/// A text that is no ISO 8601 date and time of the years 1970 to 9999.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an ISO 8601 date and time")]
pub struct ParseTimestampError;

impl Timestamp {
    /// The instant as `chrono` has it; `None` outside the years 1970 to 9999, which no response could carry. A leap
    /// second is the end of the second before, as a browser does not read a second 60.
    pub fn new(time: DateTime<Utc>) -> Option<Self> {
        let time = time.with_nanosecond(time.nanosecond().min(999_999_999))?;
        (1970..=9999).contains(&time.year()).then_some(Self(time))
    }

    /// Whole seconds since 1970-01-01T00:00:00Z.
    pub fn unix_seconds(self) -> i64 {
        self.0.timestamp()
    }

    /// The HTTP date (RFC 9110, section 5.6.7): `Sat, 20 Feb 2021 18:06:47 GMT`.
    pub fn to_http_date(self) -> String {
        self.0.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }
}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    /// Reads the extended form `2026-11-23T20:53:24`, with or without a fraction of the second (`.` or `,`), and
    /// with or without an offset (`Z`, `+00`, `+0000` or `+00:00`). Without one it is UTC, as the Python updater
    /// writes it.
    fn from_str(text: &str) -> Result<Self, ParseTimestampError> {
        // chrono takes `26-1-1T1:2:3` too; only the full width is ISO 8601.
        let full_width = text.len() >= 19
            && text.bytes().take(19).enumerate().all(|(i, b)| match i {
                4 | 7 => b == b'-',
                10 => b == b'T',
                13 | 16 => b == b':',
                _ => b.is_ascii_digit(),
            });
        if !full_width {
            return Err(ParseTimestampError);
        }
        let (date_time, rest) = text.split_at(19);
        let fraction_end = match rest.strip_prefix(['.', ',']) {
            Some(digits) => 1 + digits.bytes().take_while(u8::is_ascii_digit).count(),
            None => 0,
        };
        let (fraction, offset) = rest.split_at(fraction_end);
        if fraction.len() == 1 {
            return Err(ParseTimestampError);
        }
        let local = format!("{date_time}{}", fraction.replace(',', "."));
        let local = NaiveDateTime::parse_from_str(&local, "%Y-%m-%dT%H:%M:%S%.f").map_err(|_| ParseTimestampError)?;
        let offset = parse_offset(offset).ok_or(ParseTimestampError)?;
        let time = local.and_local_timezone(offset).single().ok_or(ParseTimestampError)?;
        Self::new(time.with_timezone(&Utc)).ok_or(ParseTimestampError)
    }
}

/// Reads `Z`, `+01`, `+0100` or `+01:00`; an empty text is UTC.
fn parse_offset(text: &str) -> Option<FixedOffset> {
    if matches!(text, "" | "Z") {
        return FixedOffset::east_opt(0);
    }
    let (sign, digits) = text.split_at_checked(1)?;
    let (hours, minutes) = match digits.len() {
        2 => (digits, "00"),
        4 => digits.split_at_checked(2)?,
        _ => digits.split_once(':')?,
    };
    let seconds = two_digits(hours, 24)? * 3600 + two_digits(minutes, 60)? * 60;
    match sign {
        "+" => FixedOffset::east_opt(seconds),
        "-" => FixedOffset::west_opt(seconds),
        _ => None,
    }
}

fn two_digits(text: &str, limit: i32) -> Option<i32> {
    let is_two_digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|number| is_two_digits && *number < limit)
}

impl fmt::Display for Timestamp {
    /// Writes the contract's form: UTC, whole seconds, `+0000` (`2021-02-20T18:06:47+0000`).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.format("%Y-%m-%dT%H:%M:%S+0000").fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_form_is_read_and_written_in_the_contract_s() {
        for (text, written) in [
            ("2021-02-20T18:06:47+0000", "2021-02-20T18:06:47+0000"),
            ("2026-11-23T20:53:24.786604", "2026-11-23T20:53:24+0000"),
            ("2026-11-23T20:53:24", "2026-11-23T20:53:24+0000"),
            ("2026-11-23T20:53:24Z", "2026-11-23T20:53:24+0000"),
            ("2026-11-23T20:53:24.9Z", "2026-11-23T20:53:24+0000"),
            ("2026-11-23T20:53:24,5Z", "2026-11-23T20:53:24+0000"),
            ("2026-11-23T20:53:24.123456789123Z", "2026-11-23T20:53:24+0000"),
            ("2026-11-23T20:53:24+00:00", "2026-11-23T20:53:24+0000"),
            ("2026-11-23T20:53:24.786604+00:00", "2026-11-23T20:53:24+0000"),
            ("2026-11-23T20:53:24+01:00", "2026-11-23T19:53:24+0000"),
            ("2026-11-23T20:53:24+01", "2026-11-23T19:53:24+0000"),
            ("2026-01-01T00:30:00+0100", "2025-12-31T23:30:00+0000"),
            ("2026-11-23T20:53:24-05:30", "2026-11-24T02:23:24+0000"),
            ("2024-02-29T00:00:00", "2024-02-29T00:00:00+0000"),
            ("2016-12-31T23:59:60", "2016-12-31T23:59:59+0000"),
            ("2017-01-01T00:59:60.5+01:00", "2016-12-31T23:59:59+0000"),
        ] {
            assert_eq!(text.parse::<Timestamp>().map(|t| t.to_string()), Ok(written.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn rubbish_is_rejected() {
        for text in [
            "",
            "now",
            "1613844407",
            "2026-11-23",
            "20:53:24",
            "2026-11-23 20:53:24",
            "2026-11-23T20:53",
            "26-11-23T20:53:24",
            "2026-1-3T20:53:24",
            "2026-13-01T00:00:00",
            "2026-02-29T00:00:00",
            "2026-11-23T24:53:24",
            "2026-11-23T20:60:24",
            "2026-11-23T20:53:24.",
            "2026-11-23T20:53:24.Z",
            "2026-11-23T20:53:24.+00:00",
            "2026-11-23T20:53:24+1:00",
            "2026-11-23T20:53:24+24:00",
            "2026-11-23T20:53:24+00:60",
            "2026-11-23T20:53:24+00:0é",
            "2026-11-23T20:53:24 UTC",
            "2026-11-23T20:53:24Z\n",
            " 2026-11-23T20:53:24Z",
            "1969-12-31T23:59:59Z",
            "9999-12-31T23:59:59-01:00",
            "+12026-11-23T20:53:24Z",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(ParseTimestampError), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(seconds in 0_i64..253_402_300_800) {
            let timestamp = Timestamp::new(DateTime::from_timestamp(seconds, 0).unwrap()).unwrap();
            prop_assert_eq!(timestamp.to_string().parse::<Timestamp>().unwrap(), timestamp);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in r"\PC*|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}[.,0-9Z+:é-]{0,12}") {
            let _ = text.parse::<Timestamp>();
        }
    }
}
