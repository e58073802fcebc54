//! Parsers of the values that settings can have.

use std::fmt::Display;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// A parser, and a description of the texts that it accepts.
pub struct ValueParser<T> {
    allowed: String,
    parse: Parse<T>,
}

type Parse<T> = Box<dyn Fn(&str) -> Option<T>>;

impl<T> ValueParser<T> {
    /// Accepts what `parse` accepts; `allowed` describes it.
    pub fn new(allowed: impl Into<String>, parse: impl Fn(&str) -> Option<T> + 'static) -> Self {
        Self { allowed: allowed.into(), parse: Box::new(parse) }
    }

    /// One of a few words.
    pub fn choice(words: &'static [(&'static str, T)]) -> Self
    where
        T: Copy,
    {
        let names = words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        let allowed = names.rsplit_once(", ").map(|(others, last)| format!("{others} or {last}")).unwrap_or(names);
        Self::new(allowed, |text| words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value))
    }

    /// A whole number within `range`.
    pub fn number(range: RangeInclusive<T>) -> Self
    where
        T: FromStr + PartialOrd + Display + 'static,
    {
        let allowed = format!("a number from {} to {}", range.start(), range.end());
        Self::new(allowed, move |text| text.parse().ok().filter(|number| range.contains(number)))
    }

    pub(super) fn allowed(&self) -> &str {
        &self.allowed
    }

    pub(crate) fn parse(&self, text: &str) -> Option<T> {
        (self.parse)(text)
    }
}

impl ValueParser<bool> {
    /// `true` or `false`.
    pub fn switch() -> Self {
        Self::choice(&[("true", true), ("false", false)])
    }
}

impl ValueParser<Duration> {
    /// A duration. Shorter and longer ones than allowed are most likely typing errors.
    pub fn duration() -> Self {
        Self::new("a time from 100ms to 24h, such as 500ms, 30s (or just 30) or 5m", parse_duration)
    }
}

impl ValueParser<SocketAddr> {
    /// The address of a listener.
    pub fn socket_address() -> Self {
        Self::new("an IP address and port, such as 0.0.0.0:8080 or [::]:8080", |text| text.parse().ok())
    }
}

impl ValueParser<PathBuf> {
    /// The path of a file.
    pub fn path() -> Self {
        let is_path = |text: &str| !text.is_empty() && !text.contains(char::is_control);
        Self::new("a path", move |text| is_path(text).then(|| text.into()))
    }
}

impl ValueParser<String> {
    /// A host name or an IP address, without a scheme, port or brackets.
    pub fn host() -> Self {
        let is_host = |text: &str| text.parse::<Ipv6Addr>().is_ok() || is_host_name(text);
        Self::new("a host name or an IP address alone, without a scheme, a port or brackets", move |text| {
            is_host(text).then(|| text.to_owned())
        })
    }
}

/// Whether `text` is a DNS name or an IPv4 address. Underscores are allowed, since resolvers accept them.
pub fn is_host_name(text: &str) -> bool {
    let labels = text.strip_suffix('.').unwrap_or(text).split('.');
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A name whose last label is a number can only be an IPv4 address.
    let is_number = |label: &str| label.bytes().all(|b| b.is_ascii_digit());
    let may_be_name = labels.clone().next_back().is_some_and(|last| !is_number(last));
    text.len() <= 253 && labels.clone().all(is_label) && (may_be_name || text.parse::<Ipv4Addr>().is_ok())
}

/// Parses `500ms`, `30s`, `30` (seconds), `0.5`, `5m` or `24h`.
fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(at) => text.split_at(at),
        None => (text, "s"),
    };
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    let number = number.bytes().all(|b| b.is_ascii_digit() || b == b'.').then(|| number.parse::<f64>().ok())??;
    let duration = Duration::try_from_secs_f64(number * seconds).ok()?;
    (Duration::from_millis(100)..=Duration::from_hours(24)).contains(&duration).then_some(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_and_bounds() {
        let seconds = |text| ValueParser::duration().parse(text).map(|duration| duration.as_secs_f64());
        for (text, expected) in
            [("500ms", 0.5), ("30s", 30.0), ("30", 30.0), ("0.5", 0.5), ("5m", 300.0), ("100ms", 0.1), ("24h", 86400.0)]
        {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for text in "|s|0|0s|1ms|99ms|0.09|-1|+1|1d|1e3|inf|nan|30 s| 30|86401|25h|1.2.3|5M|٣".split('|') {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn a_host_is_a_name_or_an_address_without_scheme_port_or_brackets() {
        let label = "a".repeat(63);
        let longest = [&*label, &label, &label, &"a".repeat(61)].join(".");
        for text in
            ["localhost", "redis", "redis.wrpi.svc.cluster.local.", "my_redis-0", "10.0.0.1", "::1", "R3", &longest]
        {
            assert_eq!(ValueParser::host().parse(text).as_deref(), Some(text));
        }
        let too_long = [format!("{label}a"), format!("{longest}a")];
        for text in
            "|redis://localhost|redis:6379|10.0.0.1:6379|[::1]|[::1]:6379| redis|redis |re dis|redis\n|redis/0|a@b\
                     |.|redis..local|.redis|-redis|redis-|10.0.0|10.0.0.256|1|fe80::1%eth0|rédis|\u{feff}redis|::1.|a,b"
                .split('|')
                .chain(too_long.iter().map(String::as_str))
        {
            assert_eq!(ValueParser::host().parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_path_is_one_line() {
        assert_eq!(ValueParser::path().parse("/run/secrets/a b"), Some("/run/secrets/a b".into()));
        for text in ["", "-----BEGIN CERTIFICATE-----\nMIIB", "/run/secrets/app\n", "a\0b"] {
            assert_eq!(ValueParser::path().parse(text), None, "{text:?}");
        }
    }
}
