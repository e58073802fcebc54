//! A value with the time of its calculation, and why stored bytes may fail to be one.

use std::fmt;

use crate::{ParseTimestampError, ParseWrpiError, Timestamp, Wrpi};

/// One calculation of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The index.
    pub value: Wrpi,
    /// When it was calculated.
    pub calculated_at: Timestamp,
}

/// Why what the store holds is no [`Reading`]. Each message says what was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadingError {
    /// One of the two keys is there, the other is missing or holds another type than a string.
    #[error("{0} is missing or not a string, while the other key is there")]
    Incomplete(&'static str),
    /// The stored value is not a number from 0 to 100.
    #[error("value {found} is {error}")]
    Value {
        /// The stored bytes, escaped and cut to a line.
        found: String,
        /// What is wrong with them.
        error: ParseWrpiError,
    },
    /// The stored time cannot be read.
    #[error("timestamp {found} is {error}")]
    Timestamp {
        /// The stored bytes, escaped and cut to a line.
        found: String,
        /// What is wrong with them.
        error: ParseTimestampError,
    },
}

impl ReadingError {
    /// A short fixed name of the reason, one of [`ReadingError::REASONS`], for metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Incomplete(_) => "incomplete",
            Self::Value { error: ParseWrpiError::NotDecimal, .. } => "value_not_decimal",
            Self::Value { error: ParseWrpiError::OutOfRange, .. } => "value_out_of_range",
            Self::Timestamp { .. } => "timestamp_unreadable",
        }
    }

    /// All that [`ReadingError::reason`] can be.
    pub const REASONS: [&str; 4] = ["incomplete", "value_not_decimal", "value_out_of_range", "timestamp_unreadable"];
}

impl Reading {
    /// Reads the two strings that a store holds.
    ///
    /// # Errors
    ///
    /// When either is not UTF-8 or not of its form; the message shows what was found.
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

/// The first 40 bytes in quotes, with everything but printable ASCII escaped.
fn excerpt(bytes: &[u8]) -> String {
    const LONGEST: usize = 40;
    let shown = bytes[..bytes.len().min(LONGEST)].escape_ascii();
    if bytes.len() <= LONGEST { format!("\"{shown}\"") } else { format!("\"{shown}\"... ({} bytes)", bytes.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named_with_what_was_found() {
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
}
