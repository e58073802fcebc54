//! What `RUST_LOG` may say.

use tracing_subscriber::filter::{LevelFilter, Targets};

pub(super) const ALLOWED: &str = "off, error, warn, info, debug or trace, alone or with modules' levels, such as \
                                  info,wrpi_core=debug";

/// Reads a comma-separated list of levels and of `MODULE=LEVEL`. Without a level for everything that is `info`.
///
/// Stricter than [`Targets`], which takes any word for a module: `inof` would silence everything.
pub(super) fn parse(text: &str) -> Option<Targets> {
    let filter = Targets::new().with_default(LevelFilter::INFO);
    text.split(',').map(str::trim).try_fold(filter, |filter, directive| match directive.split_once('=') {
        None => Some(filter.with_default(level(directive)?)),
        Some((module, name)) => is_module(module).then_some(filter.with_target(module, level(name)?)),
    })
}

/// A level by its name: a number is one too in [`LevelFilter`], and nothing is `error`.
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
    fn a_level_for_everything_and_levels_for_modules() {
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
    fn what_is_no_level_is_refused() {
        for text in "|inof|warning|wrpi_core|3|=|=info|wrpi_core=|wrpi_core=inof|wrpi-core=info|a=b=c|info,|,info\
                     |info debug|[span]=info|wrpi_core[{field}]=info|::a=info|1a=info|info;warn|none"
            .split('|')
        {
            assert!(parse(text).is_none(), "{text:?}");
        }
    }
}
