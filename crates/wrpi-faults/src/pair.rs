//! Readings as the updater writes them and as the API serves them.

use wrpi_test::{Monitor, Redis};

/// A value and its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) value: String,
    pub(crate) time: String,
}

impl Pair {
    /// A pair with a unique value and a unique time in the future. `number` is below the seconds of a day.
    pub(crate) fn numbered(number: u32) -> Self {
        Self {
            value: format!("{}.{:03}", number / 1000, number % 1000),
            time: format!("2099-01-01T{:02}:{:02}:{:02}+0000", number / 3600, number / 60 % 60, number % 60),
        }
    }

    /// The pair in `redis`, if there is one.
    pub(crate) fn stored(redis: &Redis) -> Option<Self> {
        let stored = redis.cli(&["MGET", "wrpi-latest", "wrpi-timestamp"]);
        let (value, time) = stored.split_once('\n')?;
        Some(Self { value: value.to_owned(), time: time.to_owned() })
    }

    /// All pairs written so far.
    ///
    /// # Panics
    ///
    /// When a command wrote anything other than one pair.
    pub(crate) fn all_written(monitor: &Monitor) -> Vec<Self> {
        let touches_readings = |command: &Vec<String>| command.iter().any(|word| word.starts_with("wrpi-"));
        let is_write = |command: &Vec<String>| !matches!(command[0].as_str(), "MGET" | "CLIENT");
        let pair = |command: Vec<String>| match <[String; 5]>::try_from(command) {
            Ok([command, value_key, value, time_key, time]) => {
                assert_eq!([&*command, &*value_key, &*time_key], ["MSET", "wrpi-latest", "wrpi-timestamp"]);
                Self { value, time }
            }
            Err(command) => panic!("not a write of one pair: {command:?}"),
        };
        monitor.commands().into_iter().filter(touches_readings).filter(is_write).map(pair).collect()
    }

    /// The body with which the API serves the pair.
    pub(crate) fn body(&self) -> String {
        format!(r#"{{"latest_value":{},"latest_calculation_at":"{}"}}"#, self.value, self.time)
    }
}
