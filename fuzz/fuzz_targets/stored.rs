//! The contents of Redis: the API serves an accepted reading as the same number and the same instant, in JSON that
//! follows the HTTP contract. The error for anything else is one printable line.
#![no_main]

use chrono::DateTime;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use wrpi_core::{Reading, ReadingError};

#[derive(Arbitrary, Debug)]
enum Value<'a> {
    Bytes(&'a [u8]),
    Decimal { whole: u8, fraction: u64, zeros: u8 },
}

#[derive(Arbitrary, Debug)]
enum Time<'a> {
    Bytes(&'a [u8]),
    Shaped { date: [u8; 4], separator: Separator, time: [u8; 2], second: Option<u8>, rest: &'a str },
}

#[derive(Arbitrary, Debug)]
enum Separator {
    Upper,
    Lower,
    Space,
}

impl Value<'_> {
    fn to_stored(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.to_vec(),
            Self::Decimal { whole, fraction, zeros } => {
                format!("{whole}.{:0zeros$}{fraction}", 0, zeros = (zeros % 16).into()).into()
            }
        }
    }
}

impl Time<'_> {
    fn to_stored(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.to_vec(),
            Self::Shaped { date: [century, year, month, day], separator, time: [hour, minute], second, rest } => {
                let (century, year, month, day) = (century % 100, year % 100, month % 14, day % 33);
                let (hour, minute) = (hour % 25, minute % 61);
                let separator = match separator {
                    Separator::Upper => 'T',
                    Separator::Lower => 't',
                    Separator::Space => ' ',
                };
                let second = second.map(|second| format!(":{:02}", second % 62)).unwrap_or_default();
                format!("{century:02}{year:02}-{month:02}-{day:02}{separator}{hour:02}:{minute:02}{second}{rest}")
                    .into()
            }
        }
    }
}

fuzz_target!(|stored: (Value, Time)| {
    let (value, time) = (stored.0.to_stored(), stored.1.to_stored());
    match Reading::from_stored(&value, &time) {
        Ok(reading) => {
            let (value, time) = (std::str::from_utf8(&value).unwrap(), std::str::from_utf8(&time).unwrap());
            same_number(value, &reading.value.to_string());
            same_instant(time, &reading.calculated_at.to_string(), reading.calculated_at.unix_seconds());
            let served = (reading.value.to_string(), reading.calculated_at.to_string());
            let again = Reading::from_stored(served.0.as_bytes(), served.1.as_bytes()).unwrap();
            assert_eq!((again.value, again.to_string()), (reading.value, reading.to_string()));
        }
        Err(error) => {
            let message = error.to_string();
            assert!(message.bytes().all(|b| (b' '..=b'~').contains(&b)) && message.len() < 300, "{message:?}");
            assert!(ReadingError::REASONS.contains(&error.reason()));
        }
    }
});

/// The served value is a JSON number, equals the stored number as Python's float() parses it, and keeps all decimal
/// places.
fn same_number(stored: &str, served: &str) {
    let (whole, fraction) = served.split_once('.').map_or((served, None), |(whole, fraction)| (whole, Some(fraction)));
    assert!(whole == "0" || whole.starts_with(|c: char| ('1'..='9').contains(&c)), "{served}");
    assert!(
        (whole.len() + fraction.unwrap_or_default().len()) > 0 && served.bytes().all(|b| b"0123456789.".contains(&b))
    );
    assert_eq!(fraction, stored.split_once('.').map(|(_, fraction)| fraction));
    let numbers = [stored, served].map(|text| text.parse::<f64>().unwrap());
    assert!(numbers[0] == numbers[1] && (0.0..=100.0).contains(&numbers[0]), "{stored} {served}");
}

/// The served time follows the HTTP contract, without a second 60, which browsers reject. If chrono accepts the stored
/// time, both are the same instant.
fn same_instant(stored: &str, served: &str, seconds: i64) {
    let instant = DateTime::parse_from_str(served, "%Y-%m-%dT%H:%M:%S%z").unwrap();
    assert!(served.len() == 24 && served.ends_with("+0000") && &served[17..19] < "60", "{served}");
    assert_eq!(instant.timestamp(), seconds);
    if let Ok(expected) = DateTime::parse_from_rfc3339(stored) {
        assert_eq!(expected.timestamp(), seconds, "{stored}");
    }
}
