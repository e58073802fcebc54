//! The parser of `RUST_LOG`.

use tracing_subscriber::filter::{LevelFilter, Targets};

pub(super) const ALLOWED: &str = "off, error, warn, info, debug or trace, optionally with module levels, such as \
                                  info,wrpi_core=debug";

/// Parses a comma-separated list of levels and of `MODULE=LEVEL`. The default level is `info`.
///
/// Stricter than [`Targets`], which accepts any word as a module: the typing error `inof` would silence everything.
pub(super) fn parse(text: &str) -> Option<Targets> {
    let filter = Targets::new().with_default(LevelFilter::INFO);
    text.split(',').map(str::trim).try_fold(filter, |filter, directive| match directive.split_once('=') {
        None => Some(filter.with_default(level(directive)?)),
        Some((module, name)) => is_module(module).then_some(filter.with_target(module, level(name)?)),
    })
}

/// Parses the name of a level. [`LevelFilter`] also accepts numbers, and the empty text as `error`.
fn level(name: &str) -> Option<LevelFilter> {
    name.starts_with(|c: char| c.is_ascii_alphabetic()).then(|| name.parse().ok())?
}

fn is_module(path: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && !name.as_bytes()[0].is_ascii_digit()
    };
    path.split("::").all(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn accepts_a_default_level_and_levels_for_modules() {
        for (text, everything, core) in [
            ("info", LevelFilter::INFO, LevelFilter::INFO),
            ("WARN", LevelFilter::WARN, LevelFilter::WARN),
            ("off", LevelFilter::OFF, LevelFilter::OFF),
            ("wrpi_core=debug", LevelFilter::INFO, LevelFilter::DEBUG),
            ("warn, wrpi_core=trace", LevelFilter::WARN, LevelFilter::TRACE),
            ("wrpi_core::feed=off,error", LevelFilter::ERROR, LevelFilter::OFF),
        ] {
            let filter = parse(text).unwrap();
            for level in [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE] {
                assert_eq!(filter.would_enable("wrpi_api", &level), level <= everything, "{text} {level}");
                assert_eq!(filter.would_enable("wrpi_core::feed", &level), level <= core, "{text} {level}");
            }
        }
    }

    #[test]
    fn rejects_unknown_levels_and_invalid_modules() {
        for text in "|inof|warning|wrpi_core|3|=|=info|wrpi_core=|wrpi_core=inof|wrpi-core=info|a=b=c|info,|,info\
                     |info debug|[span]=info|wrpi_core[{field}]=info|::a=info|1a=info|info;warn|none"
            .split('|')
        {
            assert!(parse(text).is_none(), "{text:?}");
        }
    }
}
