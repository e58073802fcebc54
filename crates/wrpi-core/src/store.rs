//! The Redis store: the keys, the form of what they hold, reading and writing them.

mod connect;
mod error;
mod settings;

use std::sync::Once;

use redis::aio::MultiplexedConnection;
use tracing::warn;

pub use self::error::StoreError;
pub use self::settings::{Settings, Tls};
use crate::{Reading, ReadingError};

/// The prefix of both keys, as a tracking client subscribes to it.
const PREFIX: &str = "wrpi-";
const VALUE_KEY: &str = "wrpi-latest";
const TIMESTAMP_KEY: &str = "wrpi-timestamp";

/// What a key holds; `None` where it is missing or not a string.
type Stored = Option<Vec<u8>>;

/// A connection to the store.
#[derive(Clone, Debug)]
pub struct Store {
    address: String,
    connection: MultiplexedConnection,
    /// Whether the server has refused both keys in one command (cluster mode, an ACL) and takes them one by one.
    is_one_by_one: bool,
}

impl Store {
    /// Writes both keys in one command, so that no reader ever sees the one without the other; where the server
    /// refuses that, in a command each.
    ///
    /// # Errors
    ///
    /// When the server fails, refuses, or does not answer in a second.
    pub async fn publish(&mut self, reading: &Reading) -> Result<(), StoreError> {
        let (value, calculated_at) = (reading.value.to_string(), reading.calculated_at.to_string());
        let mut refusal = None;
        if !self.is_one_by_one {
            let mset = redis::cmd("MSET").arg(&[VALUE_KEY, &value, TIMESTAMP_KEY, &calculated_at]).to_owned();
            match self.query(&mset).await {
                Err(error) if error.is_refused_command() => refusal = Some(error),
                outcome => return outcome,
            }
        }
        let set = async |key, text| self.query::<()>(redis::cmd("SET").arg(key).arg(text)).await;
        // Both are sent before the first is answered: the shortest time in which a reader can see half a reading.
        let outcome = tokio::try_join!(set(VALUE_KEY, &value), set(TIMESTAMP_KEY, &calculated_at));
        self.one_by_one(refusal, outcome).map(drop)
    }

    /// Reads both keys in one command; where the server refuses that, in a command each. `None` where neither is
    /// there, an inner error where what is there is no reading.
    ///
    /// # Errors
    ///
    /// When the server fails, refuses, or does not answer in a second.
    pub async fn fetch(&mut self) -> Result<Option<Result<Reading, ReadingError>>, StoreError> {
        Ok(match self.read_both().await? {
            (None, None) => None,
            (None, Some(_)) => Some(Err(ReadingError::Incomplete(VALUE_KEY))),
            (Some(_), None) => Some(Err(ReadingError::Incomplete(TIMESTAMP_KEY))),
            (Some(value), Some(calculated_at)) => Some(Reading::from_stored(&value, &calculated_at)),
        })
    }

    async fn read_both(&mut self) -> Result<(Stored, Stored), StoreError> {
        let mut refusal = None;
        if !self.is_one_by_one {
            match self.query(redis::cmd("MGET").arg(&[VALUE_KEY, TIMESTAMP_KEY])).await {
                Err(error) if error.is_refused_command() => refusal = Some(error),
                outcome => return outcome,
            }
        }
        let get = async |key| match self.query(redis::cmd("GET").arg(key)).await {
            Err(error) if error.is_wrong_type() => Ok(None),
            outcome => outcome,
        };
        let outcome = tokio::try_join!(get(VALUE_KEY), get(TIMESTAMP_KEY));
        self.one_by_one(refusal, outcome)
    }

    /// The outcome of trying the keys one by one, after a `refusal` of both in one command. Says in the log, once a
    /// process, that this is so.
    fn one_by_one<T>(&mut self, refusal: Option<StoreError>, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        static SAID: Once = Once::new();
        match (refusal, outcome) {
            (Some(refusal), Err(error)) => Err(if error.is_elsewhere() { error } else { refusal }),
            (Some(refusal), Ok(answer)) => {
                self.is_one_by_one = true;
                SAID.call_once(|| {
                    warn!(
                        error = %refusal,
                        "Redis refuses both keys in one command; using one command for each, which is not atomic"
                    );
                });
                Ok(answer)
            }
            (None, outcome) => outcome,
        }
    }

    /// Asks whether the server answers this user at all.
    ///
    /// # Errors
    ///
    /// When the server fails, refuses, or does not answer in a second.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.query(&redis::cmd("PING")).await
    }

    async fn query<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, StoreError> {
        let answer = command.query_async(&mut self.connection.clone()).await;
        answer.map_err(|cause| StoreError { address: self.address.clone(), cause })
    }
}
