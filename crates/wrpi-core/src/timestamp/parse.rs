//! Parses a date and time: the extended form of ISO 8601, and variants that common libraries write.

use chrono::{DateTime, FixedOffset, NaiveDateTime, Utc};

/// Parses the forms that [`super::Timestamp`]'s `from_str` lists, of any year.
pub(super) fn date_time(text: &str) -> Option<DateTime<Utc>> {
    const MINUTES: &str = "0000-00-00T00:00";
    let (minutes, rest) = text.split_at_checked(MINUTES.len())?;
    // chrono would also accept `26-1-1T1:2`.
    let is_full_width = minutes.bytes().zip(MINUTES.bytes()).all(|(found, wanted)| match wanted {
        b'0' => found.is_ascii_digit(),
        b'T' => matches!(found, b'T' | b't' | b' '),
        _ => found == wanted,
    });
    let (date, time) = (minutes.get(..10)?, minutes.get(11..)?);
    let (seconds, offset) = split_seconds(rest)?;
    let local = format!("{date}T{time}{}", seconds.replace(',', "."));
    let local = NaiveDateTime::parse_from_str(&local, "%Y-%m-%dT%H:%M:%S%.f").ok().filter(|_| is_full_width)?;
    Some(local.and_local_timezone(parse_offset(offset)?).single()?.with_timezone(&Utc))
}

/// Splits the seconds with their fraction (`:24`, `:24.5`) from the front of `text`; `:00` if there are none.
fn split_seconds(text: &str) -> Option<(&str, &str)> {
    let Some(after_colon) = text.strip_prefix(':') else { return Some((":00", text)) };
    let count_digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let fraction = after_colon.get(2..)?.strip_prefix(['.', ',']).map(count_digits);
    let length = ":00".len() + fraction.map_or(0, |digits| 1 + digits);
    (count_digits(after_colon) == 2 && fraction != Some(0)).then(|| text.split_at(length))
}

/// Parses `Z`, `UTC`, `+01`, `+0100` or `+01:00`, optionally after a space; an empty text is UTC.
fn parse_offset(text: &str) -> Option<FixedOffset> {
    if text.is_empty() {
        return FixedOffset::east_opt(0);
    }
    let text = text.strip_prefix(' ').unwrap_or(text);
    if matches!(text, "Z" | "z" | "UTC") {
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
