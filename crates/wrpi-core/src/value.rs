//! The value of the index: an exact decimal from 0 to 100.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;

/// A value of the index: a decimal from 0 to 100 inclusive.
///
/// It keeps the digits as written (`69.420` stays `69.420`) and never passes through binary floating point. Two values
/// are equal only if their digits are equal (`69.42` is not `69.420`).
#[derive(Clone, Copy, Debug)]
pub struct Wrpi(Decimal);

impl PartialEq for Wrpi {
    fn eq(&self, other: &Self) -> bool {
        (self.0.mantissa(), self.0.scale()) == (other.0.mantissa(), other.0.scale())
    }
}

impl Eq for Wrpi {}

/// Why a text is not a [`Wrpi`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseWrpiError {
    /// The text is not digits with at most one decimal point between them, or has more than 28 decimal places.
    #[error("not a plain decimal number")]
    NotDecimal,
    /// The number is above 100. (A number below 0 has a sign, so it is [`ParseWrpiError::NotDecimal`].)
    #[error("outside 0 to 100")]
    OutOfRange,
}

impl Wrpi {
    /// A value from thousandths: `69420` is `69.420`. `None` above `100000`.
    pub fn from_thousandths(thousandths: u32) -> Option<Self> {
        Self::in_range(Decimal::new(thousandths.into(), 3))
    }

    /// The nearest binary floating point number, for metrics only.
    pub fn to_f64(self) -> f64 {
        use rust_decimal::prelude::ToPrimitive;
        self.0.to_f64().unwrap_or(f64::NAN)
    }

    fn in_range(value: Decimal) -> Option<Self> {
        (Decimal::ZERO..=Decimal::ONE_HUNDRED).contains(&value).then_some(Self(value))
    }
}

impl FromStr for Wrpi {
    type Err = ParseWrpiError;

    /// Parses `digits` or `digits.digits`, without a sign, exponent, space or separator: `Display` then writes a valid
    /// JSON number with the same digits.
    fn from_str(text: &str) -> Result<Self, ParseWrpiError> {
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        if !digits(whole) || !digits(fraction) {
            return Err(ParseWrpiError::NotDecimal);
        }
        if whole.trim_start_matches('0').len() > "100".len() {
            return Err(ParseWrpiError::OutOfRange);
        }
        // `from_str_exact` rejects more decimal places than fit, instead of rounding.
        let value = Decimal::from_str_exact(text).map_err(|_| ParseWrpiError::NotDecimal)?;
        Self::in_range(value).ok_or(ParseWrpiError::OutOfRange)
    }
}

impl fmt::Display for Wrpi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keeps_the_digits_of_plain_decimals() {
        for text in ["69.420", "31.338", "0.0001", "100.0", "100", "0", "0.000", "99.99999999999999", "7.10"] {
            assert_eq!(text.parse::<Wrpi>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn rejects_other_texts_with_the_reason() {
        let not_decimal =
            "|nan|NaN|inf|1e1|5e-05|-0|-1|+1| 1|1\n|1_0|1,5|.5|5.|.|1.2.3|٣|0x10|0.12345678901234567890123456789";
        let out_of_range = "100.001|101|99999999999999999999999999999999999999";
        for (texts, error) in [(not_decimal, ParseWrpiError::NotDecimal), (out_of_range, ParseWrpiError::OutOfRange)] {
            for text in texts.split('|') {
                assert_eq!(text.parse::<Wrpi>(), Err(error.clone()), "{text:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn thousandths_have_three_decimal_places(n in 0_u32..=100_000) {
            let text = format!("{}.{:03}", n / 1000, n % 1000);
            prop_assert_eq!(Wrpi::from_thousandths(n).unwrap().to_string(), text.clone());
            prop_assert_eq!(text.parse::<Wrpi>().unwrap(), Wrpi::from_thousandths(n).unwrap());
        }

        #[test]
        fn writes_plain_decimals_as_json_numbers_with_the_same_digits(text in r"0|[1-9][0-9]?(\.[0-9]{1,26})?") {
            let written = text.parse::<Wrpi>().unwrap().to_string();
            prop_assert_eq!(&written, &text);
            prop_assert!(serde_json::from_str::<serde_json::Number>(&written).is_ok());
        }

        #[test]
        fn accepts_only_values_in_range_and_parses_what_it_writes(text in r"\PC*|[0-9.eE+-]{0,40}|0*[0-9]{1,4}(\.[0-9]{0,30})?") {
            if let Ok(value) = text.parse::<Wrpi>() {
                prop_assert!((0.0..=100.0).contains(&value.to_f64()));
                prop_assert_eq!(value.to_string().parse::<Wrpi>().unwrap(), value);
            }
        }

        #[test]
        fn equal_numbers_with_different_digits_are_different_values(n in 0_u32..100_000) {
            let value = Wrpi::from_thousandths(n).unwrap();
            prop_assert_ne!(format!("{value}0").parse::<Wrpi>().unwrap(), value);
        }
    }
}
