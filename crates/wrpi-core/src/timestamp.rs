//! The time of a calculation: how it is written, and the forms that are accepted.

mod parse;

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, Timelike, Utc};

/// When a value was calculated: an instant in the years 1970 to 9999, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(DateTime<Utc>);

/// The text is not an ISO 8601 date and time of the years 1970 to 9999.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an ISO 8601 date and time")]
pub struct ParseTimestampError;

impl Timestamp {
    /// `None` outside the years 1970 to 9999, because the contract's form has four digits for the year. A leap second
    /// becomes the end of the second before it, because browsers do not accept a second 60.
    pub fn new(time: DateTime<Utc>) -> Option<Self> {
        let time = time.with_nanosecond(time.nanosecond().min(999_999_999))?;
        (1970..=9999).contains(&time.year()).then_some(Self(time))
    }

    /// Whole seconds since 1970-01-01T00:00:00Z.
    pub fn unix_seconds(self) -> i64 {
        self.0.timestamp()
    }
}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    /// Parses `YYYY-MM-DD`, then `T`, `t` or one space, then `HH:MM`. Optional parts follow in this order: `:SS`, a
    /// fraction of the second (`.` or `,` and digits), and an offset (`Z`, `z`, `UTC`, `+01`, `+0100` or `+01:00`),
    /// optionally after one space. A time without an offset is UTC, as the Python updater writes it.
    fn from_str(text: &str) -> Result<Self, ParseTimestampError> {
        parse::date_time(text).and_then(Self::new).ok_or(ParseTimestampError)
    }
}

impl fmt::Display for Timestamp {
    /// Writes the form of the HTTP contract: UTC, whole seconds, `+0000` (`2021-02-20T18:06:47+0000`).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.format("%Y-%m-%dT%H:%M:%S+0000").fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn accepts_every_form_and_writes_the_form_of_the_contract() {
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
            // Java omits the seconds if they are 0.
            ("2026-11-23T20:53Z", "2026-11-23T20:53:00+0000"),
            ("2026-11-23T20:53+01:00", "2026-11-23T19:53:00+0000"),
            ("2026-11-23T20:53", "2026-11-23T20:53:00+0000"),
            // Python's str(), with and without an offset; PostgreSQL's text; Ruby's to_s.
            ("2026-11-23 20:53:24", "2026-11-23T20:53:24+0000"),
            ("2026-11-23 20:53:24.786604+00:00", "2026-11-23T20:53:24+0000"),
            ("2026-11-23 20:53:24.786604+01", "2026-11-23T19:53:24+0000"),
            ("2026-11-23 20:53:24 +0100", "2026-11-23T19:53:24+0000"),
            ("2026-11-23 20:53:24 UTC", "2026-11-23T20:53:24+0000"),
            ("2026-11-23 20:53", "2026-11-23T20:53:00+0000"),
            // RFC 3339 allows lower case.
            ("2026-11-23t20:53:24z", "2026-11-23T20:53:24+0000"),
        ] {
            assert_eq!(text.parse::<Timestamp>().map(|t| t.to_string()), Ok(written.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn rejects_other_texts() {
        for text in "|now|1613844407|2026-11-23|20:53:24|2026-11-23  20:53:24|2026-11-23_20:53:24\
                     |20261123T205324Z|2026-11-23T20|2026-11-23T20:5|2026-11-23T20:53:|2026-11-23T20:53:2\
                     |2026-11-23T20:53:2é|2026-11-23T20:53:240|2026-11-23T20:53.5Z|2026-11-23T20:53:24  Z\
                     |2026-11-23T20:53:24 |2026-11-23T20:53:24 CET|2026-11-23T20:53:24Z[UTC]\
                     |26-11-23T20:53:24|2026-1-3T20:53:24|2026-13-01T00:00:00|2026-02-29T00:00:00\
                     |2026-11-23T24:53:24|2026-11-23T20:60:24|2026-11-23T20:53:24.|2026-11-23T20:53:24.Z\
                     |2026-11-23T20:53:24.+00:00|2026-11-23T20:53:24+1:00|2026-11-23T20:53:24+24:00\
                     |2026-11-23T20:53:24+00:60|2026-11-23T20:53:24+00:0é|2026-11-23T20:53:24Z\n| 2026-11-23T20:53:24Z\
                     |1969-12-31T23:59:59Z|9999-12-31T23:59:59-01:00|+12026-11-23T20:53:24Z"
            .split('|')
        {
            assert_eq!(text.parse::<Timestamp>(), Err(ParseTimestampError), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn parses_what_it_writes(seconds in 0_i64..253_402_300_800) {
            let timestamp = Timestamp::new(DateTime::from_timestamp(seconds, 0).unwrap()).unwrap();
            prop_assert_eq!(timestamp.to_string().parse::<Timestamp>().unwrap(), timestamp);
        }

        #[test]
        fn never_panics(text in r"\PC*|[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:é]{5,8}[.,0-9Zz UTC+:é-]{0,12}") {
            let _ = text.parse::<Timestamp>();
        }
    }
}
