//! A value with the time of its calculation, and the errors of parsing one.

use std::fmt;

use crate::{ParseTimestampError, ParseWrpiError, Timestamp, Wrpi};

/// One calculation of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The index.
    pub value: Wrpi,
    /// The time of the calculation.
    pub calculated_at: Timestamp,
}

/// Why the contents of the store are not a [`Reading`]. Each message shows what was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadingError {
    /// One key holds a string; the other is missing or has another type.
    #[error("{0} is missing or not a string, but the other key exists")]
    Incomplete(&'static str),
    /// The stored value is not a number from 0 to 100.
    #[error("value {found} is {error}")]
    Value {
        /// The stored bytes, escaped and truncated.
        found: String,
        /// What is wrong with them.
        error: ParseWrpiError,
    },
    /// The stored time cannot be parsed.
    #[error("timestamp {found} is {error}")]
    Timestamp {
        /// The stored bytes, escaped and truncated.
        found: String,
        /// What is wrong with them.
        error: ParseTimestampError,
    },
}

impl ReadingError {
    /// The reason as a metric label, one of [`ReadingError::REASONS`].
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Incomplete(_) => "incomplete",
            Self::Value { error: ParseWrpiError::NotDecimal, .. } => "value_not_decimal",
            Self::Value { error: ParseWrpiError::OutOfRange, .. } => "value_out_of_range",
            Self::Timestamp { .. } => "timestamp_unreadable",
        }
    }

    /// Every value of [`ReadingError::reason`].
    pub const REASONS: [&str; 4] = ["incomplete", "value_not_decimal", "value_out_of_range", "timestamp_unreadable"];
}

impl Reading {
    /// Parses the two stored strings.
    ///
    /// # Errors
    ///
    /// When either is not UTF-8 or not in its form.
    pub fn from_stored(value: &[u8], calculated_at: &[u8]) -> Result<Self, ReadingError> {
        let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
        Ok(Self {
            value: text(value).parse().map_err(|error| ReadingError::Value { found: excerpt(value), error })?,
            calculated_at: text(calculated_at)
                .parse()
                .map_err(|error| ReadingError::Timestamp { found: excerpt(calculated_at), error })?,
        })
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.value, self.calculated_at)
    }
}

/// The first 40 bytes in quotes. Everything except printable ASCII is escaped.
fn excerpt(bytes: &[u8]) -> String {
    const LONGEST: usize = 40;
    let shown = bytes[..bytes.len().min(LONGEST)].escape_ascii();
    if bytes.len() <= LONGEST { format!("\"{shown}\"") } else { format!("\"{shown}\"... ({} bytes)", bytes.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use proptest::collection::vec;
    use proptest::prelude::*;

    #[test]
    fn errors_name_the_problem_and_show_what_was_found() {
        let good_time = b"2021-02-20T18:06:47+0000".as_slice();
        let long = [b'9'; 100];
        for (value, time, message, reason) in [
            (b"".as_slice(), good_time, r#"value "" is not a plain decimal number"#, "value_not_decimal"),
            (b"\xff\n", good_time, r#"value "\xff\n" is not a plain decimal number"#, "value_not_decimal"),
            (b"101", good_time, r#"value "101" is outside 0 to 100"#, "value_out_of_range"),
            (
                &long,
                good_time,
                r#"value "9999999999999999999999999999999999999999"... (100 bytes) is outside 0 to 100"#,
                "value_out_of_range",
            ),
            (b"1", b"yesterday", r#"timestamp "yesterday" is not an ISO 8601 date and time"#, "timestamp_unreadable"),
            (b"1", b"\xc3\x28", r#"timestamp "\xc3(" is not an ISO 8601 date and time"#, "timestamp_unreadable"),
        ] {
            let error = Reading::from_stored(value, time).unwrap_err();
            assert_eq!(error.to_string(), message);
            assert_eq!(error.reason(), reason);
            assert!(ReadingError::REASONS.contains(&reason));
        }
    }

    /// Valid values and times, almost valid ones, and any bytes.
    fn stored() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
        let text = |pattern| proptest::string::string_regex(pattern).unwrap().prop_map(String::into_bytes);
        let value = prop_oneof![
            4 => text(r"0{0,2}[0-9]{1,2}(\.[0-9]{1,20}0?)?"),
            1 => text(r"[0-9]{1,3}(\.[0-9]{0,30})?"),
            1 => vec(any::<u8>(), 0..50),
        ];
        let time = prop_oneof![
            4 => text(r"20[0-9]{2}-(0[1-9]|1[0-2])-[0-2][1-9][Tt ][01][0-9]:[0-5][0-9](:([0-5][0-9]|60)([.,][0-9]{1,9})?)?([Zz]| UTC| ?[+-][01][0-9](:?[0-5][0-9])?)?"),
            1 => text(r"[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9](:[0-6][0-9])?.{0,3}"),
            1 => vec(any::<u8>(), 0..50),
        ];
        (value, time)
    }

    proptest! {
        #[test]
        fn serves_what_is_stored_and_describes_anything_else_in_one_printable_line((value, time) in stored()) {
            match Reading::from_stored(&value, &time) {
                Ok(reading) => {
                    let [value, time] = [&value, &time].map(|text| std::str::from_utf8(text).unwrap());
                    let (number, instant) = (reading.value.to_string(), reading.calculated_at.to_string());
                    prop_assert!(serde_json::from_str::<serde_json::Number>(&number).is_ok());
                    prop_assert_eq!(number.split_once('.').map(|(_, places)| places), value.split_once('.').map(|(_, places)| places));
                    prop_assert_eq!(number.parse::<f64>(), value.parse());
                    // Browsers reject a second 60.
                    prop_assert!(instant.len() == 24 && instant.ends_with("+0000") && &instant[17..19] < "60", "{}", instant);
                    let served = DateTime::parse_from_str(&instant, "%Y-%m-%dT%H:%M:%S%z").unwrap();
                    prop_assert_eq!(served.timestamp(), reading.calculated_at.unix_seconds());
                    if let Ok(expected) = DateTime::parse_from_rfc3339(time) {
                        prop_assert_eq!(served.timestamp(), expected.timestamp());
                    }
                    let again = Reading::from_stored(number.as_bytes(), instant.as_bytes()).unwrap();
                    prop_assert_eq!((again.value, again.to_string()), (reading.value, reading.to_string()));
                }
                Err(error) => {
                    let message = error.to_string();
                    prop_assert!(message.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && message.len() < 300, "{:?}", message);
                    prop_assert!(ReadingError::REASONS.contains(&error.reason()));
                }
            }
        }
    }
}
