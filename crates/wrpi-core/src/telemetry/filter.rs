//! The parser of `RUST_LOG`.

use tracing_subscriber::filter::{LevelFilter, Targets};

pub(super) const ALLOWED: &str = "off, error, warn, info, debug or trace, optionally with module levels, such as \
                                  info,wrpi_core=debug";

/// The beginnings of the names of WRPI's own crates. A level without a module is for these.
const OWN: [&str; 2] = ["updater", "wrpi_"];

/// Parses a comma-separated list of levels and of `MODULE=LEVEL`. The default level is `info`.
///
/// A level without a module is not for libraries: what clients send can make them log a line for each message, for example
/// `h2` at `warn`. They log only if they are named.
///
/// Stricter than [`Targets`], which accepts any word as a module: the typing error `inof` would silence everything.
pub(super) fn parse(text: &str) -> Option<Targets> {
    let own = |filter: Targets, level| OWN.into_iter().fold(filter, |filter, name| filter.with_target(name, level));
    let filter = own(Targets::new().with_default(LevelFilter::OFF), LevelFilter::INFO);
    let (modules, levels): (Vec<_>, Vec<_>) =
        text.split(',').map(str::trim).partition(|directive| directive.contains('='));
    let filter = levels.into_iter().try_fold(filter, |filter, name| Some(own(filter, level(name)?)))?;
    modules.into_iter().try_fold(filter, |filter, directive| {
        let (module, name) = directive.split_once('=')?;
        is_module(module).then_some(filter.with_target(module, level(name)?))
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
            ("wrpi_core=debug,error", LevelFilter::ERROR, LevelFilter::DEBUG),
        ] {
            let filter = parse(text).unwrap();
            for level in [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE] {
                for own in ["wrpi_api::server", "wrpi_standalone", "updater"] {
                    assert_eq!(filter.would_enable(own, &level), level <= everything, "{text} {level} {own}");
                }
                assert_eq!(filter.would_enable("wrpi_core::feed", &level), level <= core, "{text} {level}");
            }
        }
    }

    #[test]
    fn enables_a_library_only_by_its_name() {
        for (text, expected) in [
            ("info", LevelFilter::OFF),
            ("trace", LevelFilter::OFF),
            ("wrpi_core=trace,wrpi_api=trace", LevelFilter::OFF),
            ("warn,h2=debug", LevelFilter::DEBUG),
            ("h2=error,trace", LevelFilter::ERROR),
        ] {
            let filter = parse(text).unwrap();
            for level in [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE] {
                assert_eq!(filter.would_enable("h2::proto::ping_pong", &level), level <= expected, "{text} {level}");
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
